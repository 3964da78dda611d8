-- One pass over the ledger. The township is kept only for counties that the layout of the day has split.
CREATE OR REPLACE TEMP TABLE assess_raw AS
SELECT
    record.item_id,
    batch.department,
    coalesce(record.county_code, $city) AS county_code,
    CASE WHEN list_contains($split, record.county_code) THEN coalesce(record.division_code, '') ELSE '' END AS division_code,
    coalesce(record.county_rule, 'city') AS county_rule,
    count(*) AS collected,
    count(*) FILTER (record.first_period = $period) AS collected_in_period,
    count(*) FILTER (record.first_period = $previous) AS collected_in_previous,
    count(*) FILTER (record.first_period >= $january) AS collected_in_year,
    count(*) FILTER (record.first_period = $last_year) AS collected_in_last_year_month,
    count(*) FILTER (record.first_period BETWEEN $last_january AND $last_year) AS collected_in_last_year,
    count(*) FILTER (record.first_period >= $recent) AS collected_recently,
    count(record.subject_key) AS linked
FROM core.record AS record
LEFT JOIN (SELECT batch_id, department FROM ops.batch) AS batch ON batch.batch_id = record.batch_id
WHERE record.first_period <= $period AND NOT list_contains($apart, record.item_id)
GROUP BY ALL
