-- 全市累计归集量与台账不符
WITH ledger AS (SELECT first_period, count(*) AS n FROM (FROM core.record ANTI JOIN ref.apart USING (item_id)) GROUP BY first_period)
SELECT
    city.period,
    city.collected,
    city.collected_in_period,
    coalesce(sum(ledger.n), 0) AS ledger_collected,
    coalesce(sum(ledger.n) FILTER (ledger.first_period = city.period), 0) AS ledger_in_period
FROM mart.city_progress AS city
JOIN audit_month USING (period)
LEFT JOIN ledger ON ledger.first_period <= city.period
GROUP BY ALL
HAVING city.collected <> ledger_collected OR city.collected_in_period <> ledger_in_period
