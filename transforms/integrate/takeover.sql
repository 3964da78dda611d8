-- What was worked out takes the place of what the lake has; the new rows themselves come as files.
DELETE FROM core.identity{% if changed %} WHERE identifier IN (FROM xt_identifier){% endif %};
DELETE FROM core.link{% if changed %} WHERE (item_id, record_key) IN (SELECT (item_id, record_key) FROM xt_relinked){% endif %};
{% for table in libraries %}
DELETE FROM {{ table }}{% if changed %} WHERE subject_key IN (FROM xt_changed){% endif %};
{% endfor %}

UPDATE core.record AS r
SET county_code = c.county_code, county_rule = c.county_rule
FROM xt_county c
WHERE r.item_id = c.item_id AND r.record_key = c.record_key;
