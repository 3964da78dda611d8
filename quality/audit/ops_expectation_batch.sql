-- 整批检查都属于登记在册的批次，同一检查只记一次
SELECT e.batch_id, e.expectation, e.field, e.level, count(*) AS lines
FROM ops.expectation AS e LEFT JOIN ops.batch AS b ON b.batch_id = e.batch_id AND b.item_id = e.item_id AND b.period = e.period
GROUP BY e.batch_id, e.expectation, e.field, e.level, b.batch_id
HAVING b.batch_id IS NULL OR count(*) > 1
