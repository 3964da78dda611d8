-- 每项目录每期首次出现的记录数等于该期各批次新增之和
SELECT item_id, period, b.n AS batch_new, l.n AS ledger_new
FROM (SELECT item_id, period, sum(rows_new) AS n FROM ops.batch GROUP BY ALL) AS b
FULL JOIN (SELECT item_id, first_period AS period, count(*) AS n FROM core.record GROUP BY ALL) AS l USING (item_id, period)
WHERE coalesce(b.n, 0) <> coalesce(l.n, 0)
