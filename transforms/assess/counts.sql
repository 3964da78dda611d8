-- One pass over the ledger. The township is kept only for counties that the layout of the day has split.
CREATE OR REPLACE TEMP TABLE assess_raw AS
SELECT
    item_id,
    coalesce(county_code, $city) AS county_code,
    CASE WHEN list_contains($split, county_code) THEN coalesce(division_code, '') ELSE '' END AS division_code,
    coalesce(county_rule, 'city') AS county_rule,
    count(*) AS collected,
    count(*) FILTER (first_period = $period) AS collected_in_period,
    count(*) FILTER (first_period = $previous) AS collected_in_previous,
    count(subject_key) AS linked
FROM core.record
WHERE first_period <= $period
GROUP BY ALL
