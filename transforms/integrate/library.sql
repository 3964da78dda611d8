-- One library for the subjects in `scope`, whose rows the caller has taken out. Every choice is total: order of trust, latest period, greatest record key.
CREATE OR REPLACE TEMP TABLE xt_subject AS
SELECT subject_key,
       arg_max(county_code, ROW(county_code <> '{{ city }}', trust, last_period, record_key)) AS county_code
FROM (
    SELECT subject_key, county_code, last_period, record_key,
           {{ members | trust }} AS trust
    FROM xt_record
    WHERE item_id IN ({{ members | literals }}) AND {{ is_subject }} AND {{ scope }}
)
GROUP BY subject_key;

{% for item, fields in values.items() %}
-- A subject usually has one record in an item: only of the others must one be chosen, and it counts whole, since the end of
-- one listing beside the beginning of another would be neither's.
CREATE OR REPLACE TEMP TABLE xt_current AS
SELECT r.subject_key, r.record_key, r.batch_id, r.row_number, r.last_period
FROM xt_record r
SEMI JOIN xt_subject s ON s.subject_key = r.subject_key
WHERE r.item_id = '{{ item }}' AND {{ scope }};

CREATE OR REPLACE TEMP TABLE xt_many AS
SELECT subject_key FROM xt_current GROUP BY subject_key HAVING count(*) > 1;

CREATE OR REPLACE TEMP TABLE "xt_value_{{ item }}" AS
SELECT c.subject_key{% for field in fields %}, v."{{ field }}"{% endfor %}

FROM (FROM xt_current ANTI JOIN xt_many USING (subject_key)) c
JOIN rec."{{ item }}" v ON v.batch_id = c.batch_id AND v.row_number = c.row_number
UNION ALL
SELECT subject_key, unnest(chosen)
FROM (
    SELECT c.subject_key,
           arg_max({ {%- for field in fields %}'{{ field }}': v."{{ field }}"{{ ", " if not loop.last }}{% endfor -%} },
                   ROW(c.last_period, {{ days[item] }}, c.record_key)) AS chosen
    FROM (FROM xt_current SEMI JOIN xt_many USING (subject_key)) c
    JOIN rec."{{ item }}" v ON v.batch_id = c.batch_id AND v.row_number = c.row_number
    GROUP BY c.subject_key
);
DROP TABLE xt_current;
DROP TABLE xt_many;
{% endfor %}

CREATE OR REPLACE TEMP TABLE xt_footprint AS
SELECT subject_key, sum(records)::BIGINT AS records, list(item_id ORDER BY item_id) AS items,
       min(first_period) AS first_period, max(last_period) AS last_period
FROM (
    SELECT r.subject_key, r.item_id, count(*) AS records,
           min(r.first_period) AS first_period, max(r.last_period) AS last_period
    FROM xt_record r
    SEMI JOIN xt_subject s ON s.subject_key = r.subject_key
    WHERE {{ scope }} AND {{ ours }}
    GROUP BY r.subject_key, r.item_id
)
GROUP BY subject_key;

-- One join for all that follows; a column per source, named item.field.
CREATE OR REPLACE TEMP TABLE xt_wide AS
SELECT s.subject_key, s.county_code, f.records, f.items, f.first_period, f.last_period
{% for item, fields in values.items() %}{% for field in fields %}
       , "xt_value_{{ item }}"."{{ field }}" AS "{{ item }}.{{ field }}"
{% endfor %}{% endfor %}
FROM xt_subject s
JOIN xt_footprint f ON f.subject_key = s.subject_key
{% for item in values %}
LEFT JOIN "xt_value_{{ item }}" ON "xt_value_{{ item }}".subject_key = s.subject_key
{% endfor %};
{% for item in values %}
DROP TABLE "xt_value_{{ item }}";
{% endfor %}
DROP TABLE xt_subject;
DROP TABLE xt_footprint;

CREATE OR REPLACE TEMP TABLE xt_conflict AS
SELECT NULL::VARCHAR AS subject_key, NULL::VARCHAR AS attribute, NULL::VARCHAR AS kept_value,
       NULL::VARCHAR AS kept_source, NULL::VARCHAR AS other_value, NULL::VARCHAR AS other_source
WHERE false
{% for column in columns if column.conflict %}
{% for other in column.sources[1:] %}
{% set before = column.sources[:loop.index] %}
UNION ALL
SELECT subject_key, '{{ column.name }}', CAST({{ before | first_value }} AS VARCHAR), {{ before | first_source }},
       CAST({{ other | value }} AS VARCHAR), '{{ other.item }}'
FROM xt_wide
WHERE {{ other | value }} <> {{ before | first_value }}
{% endfor %}
{% endfor %};
INSERT INTO lib.conflict BY NAME SELECT '{{ library }}' AS library, * FROM xt_conflict;

INSERT INTO lib."{{ library }}" BY NAME
SELECT w.subject_key,
{% for column in columns %}
       {{ column.sources | first_value }} AS "{{ column.name }}",
{% endfor %}
       '{' || concat_ws(',', NULL
{%- for column in columns if column.sources -%}
       , '"{{ column.name }}":"' || {{ column.sources | first_source }} || '"'
{%- endfor -%}
       ) || '}' AS sources,
       w.records, w.items, w.first_period, w.last_period, w.county_code,
       coalesce(c.conflicts, 0) AS conflict_count
FROM xt_wide w
LEFT JOIN (SELECT subject_key, count(DISTINCT attribute) AS conflicts FROM xt_conflict GROUP BY subject_key) c
  ON c.subject_key = w.subject_key
ORDER BY w.subject_key;
DROP TABLE xt_wide;
DROP TABLE xt_conflict;
