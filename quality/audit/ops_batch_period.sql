-- 批次的期次是真实的年月
SELECT batch_id, period
FROM ops.batch
WHERE period IS NULL OR NOT regexp_full_match(period, '[12][0-9]{3}-(0[1-9]|1[0-2])')
