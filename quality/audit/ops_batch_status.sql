-- 批次状态与整批检查一致：有提醒未通过的为 warned，否则 loaded
SELECT b.batch_id, b.status, coalesce(e.failed, 0) AS failed
FROM ops.batch AS b
LEFT JOIN (SELECT batch_id, count(*) AS failed FROM ops.expectation WHERE success = 0 GROUP BY batch_id) AS e USING (batch_id)
WHERE b.status IS DISTINCT FROM CASE WHEN coalesce(e.failed, 0) > 0 THEN 'warned' ELSE 'loaded' END
