-- 全市累计归集量与台账不符（考核之后又有入库的，重跑该期 assess）
WITH ledger AS (SELECT first_period, count(*) AS n FROM core.record GROUP BY first_period)
SELECT
    city.period,
    city.collected,
    city.collected_in_period,
    coalesce(sum(ledger.n), 0) AS ledger_collected,
    coalesce(sum(ledger.n) FILTER (ledger.first_period = city.period), 0) AS ledger_in_period
FROM mart.city_progress AS city
LEFT JOIN ledger ON ledger.first_period <= city.period
GROUP BY ALL
HAVING city.collected <> ledger_collected OR city.collected_in_period <> ledger_in_period
