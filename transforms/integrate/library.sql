-- One library, of the subjects of a slice (slice.sql): its rows as xt_library, its conflicts added to xt_conflict.
-- Every choice is total: order of trust, latest period, greatest record key.
{% macro wide(subjects, only) %}
SELECT s.subject, s.county_code
{% for item, fields in values.items() %}{% for field in fields %}
       , "xt_value_{{ item }}"."{{ field }}" AS "{{ item }}.{{ field }}"
{% endfor %}{% endfor %}
FROM {{ subjects }} s
{% for item in values %}
LEFT JOIN {% if only %}(FROM "xt_value_{{ item }}" SEMI JOIN {{ only }} USING (subject)){% endif %} "xt_value_{{ item }}"
  ON "xt_value_{{ item }}".subject = s.subject
{% endfor %}
{% endmacro %}
CREATE OR REPLACE TEMP TABLE xt_subject AS
SELECT subject, arg_max(county_code, ROW(county_code <> '{{ city }}', trust, last_period, record_key)) AS county_code
FROM (
    SELECT subject, county_code, last_period, record_key,
           {{ members | trust }} AS trust
    FROM xt_record
    WHERE item_id IN ({{ members | literals }}) AND {{ is_subject }}
)
GROUP BY subject;

-- Sources can differ only where there are several.
CREATE OR REPLACE TEMP TABLE xt_several AS
SELECT subject
FROM xt_presence
WHERE item_id IN ({{ values | literals }})
GROUP BY subject
HAVING count(*) > 1;

CREATE OR REPLACE TEMP TABLE xt_wide AS
{{ wide("(FROM xt_subject SEMI JOIN xt_several USING (subject))", "xt_several") }};

CREATE OR REPLACE TEMP TABLE xt_differing AS
SELECT NULL::BIGINT AS subject, NULL::VARCHAR AS attribute, NULL::VARCHAR AS kept_value,
       NULL::VARCHAR AS kept_source, NULL::VARCHAR AS other_value, NULL::VARCHAR AS other_source
WHERE false
{% for column in columns if column.conflict %}
{% for other in column.sources[1:] %}
{% set before = column.sources[:loop.index] %}
UNION ALL
SELECT subject, '{{ column.name }}', CAST({{ before | first_value }} AS VARCHAR), {{ before | first_source }},
       CAST({{ other | value }} AS VARCHAR), '{{ other.item }}'
FROM xt_wide
WHERE {{ other | value }} <> {{ before | first_value }}
{% endfor %}
{% endfor %};
INSERT INTO xt_conflict BY NAME
SELECT '{{ library }}' AS library, k.subject_key, d.* EXCLUDE (subject)
FROM xt_differing d
JOIN xt_key k USING (subject);

CREATE OR REPLACE TEMP VIEW xt_library AS
SELECT w.subject, k.subject_key,
{% for column in columns %}
       CAST({{ column.sources | first_value }} AS {{ column.storage }}) AS "{{ column.name }}",
{% endfor %}
       '{' || concat_ws(',', NULL
{%- for column in columns if column.sources -%}
       , '"{{ column.name }}":"' || {{ column.sources | first_source }} || '"'
{%- endfor -%}
       ) || '}' AS sources,
       f.records, f.items, f.first_period, f.last_period, w.county_code,
       coalesce(c.conflicts, 0) AS conflict_count
FROM ({{ wide("xt_subject", none) }}) w
JOIN xt_key k USING (subject)
JOIN "xt_footprint_{{ footprint }}" f USING (subject)
LEFT JOIN (SELECT subject, count(DISTINCT attribute) AS conflicts FROM xt_differing GROUP BY subject) c USING (subject);
