-- 每项目录的版本数合计等于各批次新增与更新之和
SELECT item_id, b.n AS batch_accepted, l.n AS ledger_versions
FROM (SELECT item_id, sum(rows_accepted) AS n FROM ops.batch GROUP BY ALL) AS b
FULL JOIN (SELECT item_id, sum(versions) AS n FROM core.record GROUP BY ALL) AS l USING (item_id)
WHERE coalesce(b.n, 0) <> coalesce(l.n, 0)
