-- What all libraries are built from, of the subjects of a slice.
-- Numbered in the order of their keys: all joins and sorts that follow are of numbers, since long keys make them dear.
CREATE OR REPLACE TEMP TABLE xt_key AS
SELECT row_number() OVER (ORDER BY subject_key) AS subject, subject_key
FROM (SELECT DISTINCT subject_key FROM {{ records }});

CREATE OR REPLACE TEMP TABLE xt_record AS
SELECT k.subject, starts_with(r.subject_key, 'person:') AS is_person, r.item_id, r.record_key, r.first_period, r.last_period, r.county_code
FROM {{ records }} r
JOIN xt_key k USING (subject_key);

CREATE OR REPLACE TEMP TABLE xt_presence AS
SELECT subject, item_id, count(*) AS records, min(first_period) AS first_period, max(last_period) AS last_period
FROM xt_record
GROUP BY subject, item_id;

{% for name, counted in footprints.items() %}
CREATE OR REPLACE TEMP TABLE "xt_footprint_{{ name }}" AS
SELECT subject, sum(records)::BIGINT AS records, list_sort(list(item_id)) AS items,
       min(first_period) AS first_period, max(last_period) AS last_period
FROM xt_presence
WHERE {{ counted }}
GROUP BY subject;

{% endfor %}
{% for item, records in values.items() %}
-- A subject usually has one record in an item: only of the others must one be chosen, and it counts whole, since the end of
-- one listing beside the beginning of another would be neither's.
CREATE OR REPLACE TEMP TABLE xt_many AS
SELECT subject FROM xt_presence WHERE item_id = '{{ item }}' AND records > 1;

CREATE OR REPLACE TEMP TABLE "xt_value_{{ item }}" AS
WITH keyed AS (SELECT k.subject, r.* EXCLUDE (subject_key) FROM {{ records }} r JOIN xt_key k USING (subject_key))
SELECT subject, unnest(value) FROM keyed ANTI JOIN xt_many USING (subject)
UNION ALL
SELECT subject, unnest(chosen)
FROM (
    SELECT subject, arg_max(value, ROW(last_period, day, record_key)) AS chosen
    FROM keyed SEMI JOIN xt_many USING (subject)
    GROUP BY subject
);
DROP TABLE xt_many;
{% endfor %}
