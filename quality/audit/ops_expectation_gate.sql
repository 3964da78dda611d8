-- 已入库的批次没有未通过的阻断检查
SELECT batch_id, expectation, field, level, success
FROM ops.expectation
WHERE level IS NULL OR level NOT IN ('fail', 'warn') OR success IS NULL OR success NOT IN (0, 1) OR (level = 'fail' AND success = 0)
