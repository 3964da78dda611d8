-- 隔离与忽略的行逐条可查，条数与批次一致
SELECT b.batch_id, b.rows_quarantined, q.quarantined, b.rows_set_aside, q.set_aside, b.rows_ignored, i.ignored
FROM ops.batch b
LEFT JOIN (
    SELECT batch_id, count(DISTINCT row_number) AS quarantined, count(*) AS lines, count(*) FILTER (level = 'set_aside') AS set_aside
    FROM ops.quarantine GROUP BY batch_id
) q USING (batch_id)
LEFT JOIN (SELECT batch_id, count(DISTINCT row_number) AS ignored FROM ops.ignored GROUP BY batch_id) i USING (batch_id)
WHERE b.rows_quarantined <> coalesce(q.quarantined, 0)
    OR coalesce(q.quarantined, 0) <> coalesce(q.lines, 0)
    OR b.rows_set_aside <> coalesce(q.set_aside, 0)
    OR b.rows_ignored <> coalesce(i.ignored, 0)
