-- 批次标识唯一，且等于 目录/期次/报送
SELECT batch_id, item_id, period, delivery, count(*) AS lines
FROM ops.batch
GROUP BY ALL
HAVING count(*) > 1 OR batch_id IS DISTINCT FROM item_id || '/' || period || '/' || delivery
UNION ALL
SELECT batch_id, NULL, NULL, NULL, count(*) FROM ops.batch GROUP BY batch_id HAVING count(*) > 1
