-- Records whose version in force, or its content, changed since the last integration: where they stood and where they stand.
-- A batch that was delivered anew may change fields that do not make a new version, so all its records count.
CREATE OR REPLACE TEMP TABLE xt_touched AS
SELECT item_id, record_key, subject_key, batch_id, row_number
{% if until > since %}
FROM ducklake_table_changes('lake', 'core', 'record', {{ since + 1 }}, {{ until }})
{% else %}
FROM core.record
WHERE false
{% endif %}
UNION
SELECT item_id, record_key, subject_key, batch_id, row_number
FROM core.record
WHERE batch_id IN ({{ batches | literals }});
