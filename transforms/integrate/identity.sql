-- As they shall be, of everybody or of what changed: identifiers of organisations and the USCC they belong to.
-- The organisation code stands inside every USCC (GB 32100); others are taken from the registrars' records.
-- What two subjects claim belongs to none.
-- Items are counted by their place in the catalog's order: the least of long texts DuckDB keeps for every group outside its limit of memory.
CREATE OR REPLACE TEMP TABLE xt_claim AS
SELECT identifier, subject_key, min(list_position([{{ items | literals }}], item_id)) AS source
FROM (
    SELECT 'org:' || substr(subject_key, 14, 9) AS identifier, subject_key, item_id
    FROM core.record
    WHERE starts_with(subject_key, 'uscc:'){% if apart %} AND item_id NOT IN ({{ apart | literals }}){% endif %}
{% if changed %}
      AND 'org:' || substr(subject_key, 14, 9) IN (FROM xt_identifier)
{% endif %}
{% for claim in claims %}

    UNION ALL
    SELECT '{{ claim.prefix }}:' || v."{{ claim.field }}", r.subject_key, r.item_id
    FROM core.record r
    JOIN rec."{{ claim.item }}" v ON v.batch_id = r.batch_id AND v.row_number = r.row_number
    WHERE r.item_id = '{{ claim.item }}' AND starts_with(r.subject_key, 'uscc:')
      AND regexp_full_match(v."{{ claim.field }}", '{{ claim.form }}')
{% if changed %}
      AND '{{ claim.prefix }}:' || v."{{ claim.field }}" IN (FROM xt_identifier)
{% endif %}
{% endfor %}
)
GROUP BY identifier, subject_key;

CREATE OR REPLACE TEMP TABLE xt_identity AS
SELECT c.identifier, sole.subject_key, c.claimants, [{{ items | literals }}][c.source] AS source_item
FROM (SELECT identifier, count(*) AS claimants, min(source) AS source FROM xt_claim GROUP BY identifier) c
-- As one equality: with a further condition on c, DuckDB would compare every pair.
LEFT JOIN xt_claim sole ON sole.identifier = CASE WHEN c.claimants = 1 THEN c.identifier END;
DROP TABLE xt_claim;

-- Records keyed by less than a USCC. Ambiguous and unclaimed identifiers stay subjects of their own.
CREATE OR REPLACE TEMP TABLE xt_link AS
SELECT r.item_id, r.record_key, i.subject_key,
       CASE WHEN i.claimants > 1 THEN 'ambiguous'
            WHEN i.identifier IS NULL THEN 'unclaimed'
            WHEN starts_with(r.subject_key, 'org:') THEN 'org_code'
            ELSE 'registration_no' END AS rule
FROM core.record r
{% if changed %}
SEMI JOIN xt_relinked t ON t.item_id = r.item_id AND t.record_key = r.record_key
{% endif %}
LEFT JOIN (
{% if changed %}
    FROM core.identity ANTI JOIN xt_identifier USING (identifier)
    UNION ALL BY NAME
{% endif %}
    FROM xt_identity
) i ON i.identifier = r.subject_key
WHERE starts_with(r.subject_key, 'org:') OR starts_with(r.subject_key, 'reg:');
{% if changed %}

INSERT INTO xt_changed
SELECT DISTINCT subject_key
FROM xt_link
WHERE subject_key IS NOT NULL AND subject_key NOT IN (FROM xt_changed);
{% endif %}
