-- 隔离行都属于登记在册的批次，目录、期次一致
SELECT q.batch_id, q.item_id, q.period, count(*) AS rows
FROM ops.quarantine AS q LEFT JOIN ops.batch AS b USING (batch_id)
WHERE b.batch_id IS NULL OR q.item_id IS DISTINCT FROM b.item_id OR q.period IS DISTINCT FROM b.period
GROUP BY ALL
