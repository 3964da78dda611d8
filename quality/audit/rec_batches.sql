-- 每一有效行都属于一个登记在册的批次
SELECT item_id, batch_id, count(*) AS rows
FROM audit_rec ANTI JOIN ops.batch USING (batch_id)
GROUP BY item_id, batch_id
