-- 全市上期新增归集量与台账不符
WITH ledger AS (SELECT first_period, count(*) AS n FROM (FROM core.record ANTI JOIN ref.apart USING (item_id)) GROUP BY first_period)
SELECT city.period, city.collected_in_previous, coalesce(ledger.n, 0) AS ledger_in_previous
FROM mart.city_progress AS city
JOIN audit_month USING (period)
LEFT JOIN ledger ON ledger.first_period = strftime((city.period || '-01')::DATE - INTERVAL 1 MONTH, '%Y-%m')
WHERE city.collected_in_previous IS DISTINCT FROM coalesce(ledger.n, 0)
