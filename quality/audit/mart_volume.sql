-- 各时段数量与批次、台账不符
WITH city AS (FROM mart.volume WHERE kind = 'city' AND period IN (SELECT period FROM audit_month WHERE obligations_too)),
batches AS (
    SELECT city.period, city.span, coalesce(sum(rows_read - rows_ignored), 0) AS submitted, coalesce(sum(rows_new), 0) AS new
    FROM city LEFT JOIN (FROM ops.batch ANTI JOIN ref.apart USING (item_id)) AS batch ON batch.period BETWEEN city.first_period AND city.last_period
    GROUP BY ALL
),
counted AS (SELECT first_period AS day, count(*) AS n FROM (FROM core.record ANTI JOIN ref.apart USING (item_id)) GROUP BY ALL),
ledger AS (
    SELECT city.period, city.span, coalesce(sum(n), 0) AS collected
    FROM city LEFT JOIN counted ON counted.day BETWEEN city.first_period AND city.last_period GROUP BY ALL
),
counties AS (
    SELECT period, span, sum(collected) AS collected, sum(submitted) AS submitted FROM mart.volume WHERE kind = 'county' GROUP BY ALL
)
SELECT city.period, city.span, city.collected, ledger.collected AS in_ledger, city.submitted, batches.submitted AS in_batches
FROM city JOIN batches USING (period, span) JOIN ledger USING (period, span) JOIN counties USING (period, span)
WHERE city.collected <> ledger.collected OR city.submitted <> batches.submitted OR city.new <> batches.new
    OR counties.collected <> city.collected OR counties.submitted <> city.submitted
