-- 台账每行的当前版本都在登记在册的批次中
SELECT item_id, batch_id, count(*) AS records FROM core.record ANTI JOIN ops.batch USING (item_id, batch_id) GROUP BY ALL
