-- The ledger as libraries see it, of everybody or of what changed: each record under the subject and the county it was resolved to.
CREATE OR REPLACE TEMP VIEW xt_resolved AS
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
WHERE coalesce(l.subject_key, r.subject_key) {{ "IN (FROM xt_changed)" if changed else "IS NOT NULL" }};
