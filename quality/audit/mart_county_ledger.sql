-- 各县（市、区）归集量与台账不符；台账中有已撤并区划时，只查县（市、区）不少于仍用原代码的记录
WITH ledger AS (
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
WHERE period IN (SELECT period FROM audit_month)
    AND (
        collected < ledger_collected
        OR (collected <> ledger_collected AND period NOT IN (SELECT period FROM translated))
    )
