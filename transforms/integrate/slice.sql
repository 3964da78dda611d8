-- What all libraries are built from, of the subjects in `scope`: their records, each under the subject it was resolved to.
CREATE OR REPLACE TEMP TABLE xt_ledger AS
SELECT r.item_id, r.record_key, r.batch_id, r.row_number, r.first_period, r.last_period,
       coalesce(c.county_code, r.county_code) AS county_code, coalesce(l.subject_key, r.subject_key) AS subject_key
FROM core.record r
LEFT JOIN xt_county c ON c.item_id = r.item_id AND c.record_key = r.record_key
LEFT JOIN (
{% if changed %}
    FROM core.link ANTI JOIN xt_relinked USING (item_id, record_key)
    UNION ALL BY NAME
{% endif %}
    FROM xt_link
) l ON l.item_id = r.item_id AND l.record_key = r.record_key
WHERE {{ scope }};

-- Numbered in the order of their keys: all joins and sorts that follow are of numbers, since long keys make them dear.
CREATE OR REPLACE TEMP TABLE xt_key AS
SELECT row_number() OVER (ORDER BY subject_key) AS subject, subject_key
FROM (SELECT DISTINCT subject_key FROM xt_ledger);

CREATE OR REPLACE TEMP TABLE xt_record AS
SELECT k.subject, starts_with(subject_key, 'person:') AS is_person, l.* EXCLUDE (subject_key)
FROM xt_ledger l
JOIN xt_key k USING (subject_key);
DROP TABLE xt_ledger;

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
{% for item, fields in values.items() %}
-- A subject usually has one record in an item: only of the others must one be chosen, and it counts whole, since the end of
-- one listing beside the beginning of another would be neither's.
CREATE OR REPLACE TEMP TABLE xt_many AS
SELECT subject FROM xt_presence WHERE item_id = '{{ item }}' AND records > 1;

CREATE OR REPLACE TEMP TABLE "xt_value_{{ item }}" AS
SELECT r.subject{% for field in fields %}, v."{{ field }}"{% endfor %}

FROM xt_record r
ANTI JOIN xt_many m ON m.subject = r.subject
JOIN rec."{{ item }}" v ON v.batch_id = r.batch_id AND v.row_number = r.row_number
WHERE r.item_id = '{{ item }}'
UNION ALL
SELECT subject, unnest(chosen)
FROM (
    SELECT r.subject,
           arg_max({ {%- for field in fields %}'{{ field }}': v."{{ field }}"{{ ", " if not loop.last }}{% endfor -%} },
                   ROW(r.last_period, {{ days[item] }}, r.record_key)) AS chosen
    FROM xt_record r
    SEMI JOIN xt_many m ON m.subject = r.subject
    JOIN rec."{{ item }}" v ON v.batch_id = r.batch_id AND v.row_number = r.row_number
    WHERE r.item_id = '{{ item }}'
    GROUP BY r.subject
);
DROP TABLE xt_many;
{% endfor %}
