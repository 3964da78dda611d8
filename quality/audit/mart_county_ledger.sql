-- 各县（市、区）归集量与台账不符；台账中有已撤并区划时，只查县（市、区）不少于仍用原代码的记录
WITH current AS (
    -- A month assessed before the last load, integration or rollback is frozen as published: it is no fault that it differs.
    SELECT period
    FROM mart.city_progress
    WHERE (SELECT coalesce(max(snapshot_id), 0) FROM ducklake_snapshots('lake') WHERE commit_message = 'assess ' || period) > (
        SELECT coalesce(max(snapshot_id), 0)
        FROM ducklake_snapshots('lake')
        WHERE starts_with(commit_message, 'load ') OR starts_with(commit_message, 'integrate') OR starts_with(commit_message, 'rollback ')
    )
),
ledger AS (
    SELECT county_code, first_period, count(*) AS n
    FROM (FROM core.record ANTI JOIN ref.apart USING (item_id))
    GROUP BY county_code, first_period
),
direct AS (
    SELECT county.period, county.county_code, county.collected, coalesce(sum(ledger.n), 0) AS ledger_collected
    FROM mart.county_progress AS county
    LEFT JOIN ledger ON ledger.county_code = county.county_code AND ledger.first_period <= county.period
    GROUP BY ALL
),
translated AS (
    SELECT DISTINCT city.period
    FROM mart.city_progress AS city
    JOIN ledger ON ledger.first_period <= city.period
    WHERE NOT EXISTS (
        FROM mart.county_progress AS county
        WHERE county.period = city.period AND county.county_code = ledger.county_code
    )
)
SELECT direct.*
FROM direct
WHERE period IN (SELECT period FROM current)
    AND (
        collected < ledger_collected
        OR (collected <> ledger_collected AND period NOT IN (SELECT period FROM translated))
    )
