-- Persons' records that no rule of their own places go to the county of the household register (domain notes 6.5 no. 5),
-- and back to what their own rules say when the register no longer has it: `xt_county`, the records that change.
CREATE OR REPLACE TEMP TABLE xt_household AS
SELECT subject_key, arg_max(local_county_code, ROW(trust, last_period, record_key)) AS county_code
FROM (
    SELECT subject_key, local_county_code, last_period, record_key,
           {{ providers | trust }} AS trust
    FROM core.record
    WHERE item_id IN ({{ providers | literals }}) AND starts_with(subject_key, 'person:')
      AND local_county_rule = 'division' AND local_county_code <> '{{ city }}'
{% if changed %}
      AND subject_key IN (FROM xt_changed)
{% endif %}
)
GROUP BY subject_key;

CREATE OR REPLACE TEMP TABLE xt_county AS
SELECT r.item_id, r.record_key,
       coalesce(h.county_code, r.local_county_code) AS county_code,
       CASE WHEN h.county_code IS NULL THEN r.local_county_rule ELSE 'household' END AS county_rule
FROM core.record r
-- As one equality: with a further condition on r, DuckDB would compare every pair.
LEFT JOIN xt_household h
  ON h.subject_key = CASE WHEN r.local_county_rule = 'city' AND r.item_id IN ({{ items | literals }}) THEN r.subject_key END
WHERE (r.local_county_rule = 'city' OR r.county_rule = 'household')
{% if changed %}
  AND r.subject_key IN (FROM xt_changed)
{% endif %}
  AND ROW(r.county_code, r.county_rule) IS DISTINCT FROM ROW(
      coalesce(h.county_code, r.local_county_code),
      CASE WHEN h.county_code IS NULL THEN r.local_county_rule ELSE 'household' END);
DROP TABLE xt_household;
