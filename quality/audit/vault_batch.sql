-- 号码库都属于登记在册的批次
SELECT batch_id, item_id, count(*) AS rows
FROM (SELECT batch_id, item_id FROM vault.identifier UNION ALL SELECT batch_id, item_id FROM vault.quarantine)
ANTI JOIN ops.batch USING (batch_id, item_id)
GROUP BY ALL
