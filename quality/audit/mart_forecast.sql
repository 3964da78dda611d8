-- 预测的月数：少一个月达不到，到那个月必达到；起约束作用的是较高的一项
SELECT period, county_code, collected, monthly_rate, floor_months, quota_months, binding
FROM mart.forecast
WHERE (floor_months > 0 AND NOT (collected + monthly_rate * floor_months >= floor_target - 1e-6 AND collected + monthly_rate * (floor_months - 1) < floor_target))
    OR (quota_months > 0 AND NOT (collected + monthly_rate * quota_months >= quota_target - 1e-6 AND collected + monthly_rate * (quota_months - 1) < quota_target))
    OR (floor_months = 0 AND collected < floor_target) OR (quota_months = 0 AND collected < quota_target)
    OR binding IS DISTINCT FROM CASE
        WHEN floor_target IS NULL AND quota_target IS NULL THEN NULL
        WHEN coalesce(floor_target, 0) > coalesce(quota_target, 0) THEN 'floor'
        WHEN coalesce(quota_target, 0) > coalesce(floor_target, 0) THEN 'quota' ELSE 'both' END
