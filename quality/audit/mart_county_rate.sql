-- 完成率、排名或任务数合计有误；市本级、开发区不应有保底目标和排名
WITH checked AS (
    SELECT
        county.*,
        1 + (
            SELECT count(DISTINCT other.quota_rate)
            FROM mart.county_progress AS other
            WHERE other.period = county.period AND other.unit_kind = 'county' AND other.quota_rate > county.quota_rate
        ) AS true_rank,
        sum(quota_target) OVER (PARTITION BY period) AS quotas
    FROM mart.county_progress AS county
)
SELECT checked.period, county_code, checked.collected, quota_target, quota_rate, rank, true_rank, quotas
FROM checked
JOIN mart.city_progress AS city ON city.period = checked.period
WHERE abs(quota_rate - checked.collected::DOUBLE / quota_target) > 1e-12
    OR abs(floor_rate - checked.collected::DOUBLE / floor_target) > 1e-12
    OR quotas IS DISTINCT FROM city.target
    OR (unit_kind = 'county' AND quota_target IS NOT NULL AND rank IS DISTINCT FROM true_rank)
    OR (unit_kind <> 'county' AND (rank IS NOT NULL OR floor_target IS NOT NULL))
