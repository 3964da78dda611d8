-- 每批都做过整批检查：行数与问题行占比
SELECT batch_id, string_agg(DISTINCT e.expectation, '、' ORDER BY e.expectation) AS checks
FROM ops.batch LEFT JOIN ops.expectation AS e USING (batch_id)
GROUP BY batch_id
HAVING count(DISTINCT e.expectation) FILTER (e.expectation IN ('rows_min', 'rows_max', 'reject_rate', 'reject_rate_max')) < 4
