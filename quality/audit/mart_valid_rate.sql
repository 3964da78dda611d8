-- 合规率、关联率由各自的数可重新算出
SELECT period, id, valid_rate
FROM (
    SELECT period, '全市' AS id, valid_rate, accepted, duplicate, submitted, set_aside FROM mart.city_progress
    UNION ALL SELECT period, department, valid_rate, accepted, duplicate, submitted, set_aside FROM mart.department_progress
    UNION ALL SELECT period, item_id, valid_rate, accepted, duplicate, submitted, set_aside FROM mart.item_progress
)
WHERE (valid_rate IS NULL) <> (coalesce(submitted - set_aside, 0) = 0)
    OR abs(valid_rate - (accepted + duplicate)::DOUBLE / nullif(submitted - set_aside, 0)) > 1e-12
UNION ALL
SELECT period, item_id, linking_rate
FROM mart.item_progress
WHERE (linking_rate IS NULL) <> (collected = 0) OR abs(linking_rate - linked::DOUBLE / nullif(collected, 0)) > 1e-12
