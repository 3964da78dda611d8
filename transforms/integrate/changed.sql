-- Whom the touched records concern. Too many is slow, too few is wrong: in doubt a subject is in.
-- Identifiers claimed by a touched record, before or now.
CREATE OR REPLACE TEMP TABLE xt_identifier AS
SELECT 'org:' || substr(subject_key, 14, 9) AS identifier
FROM xt_touched
WHERE starts_with(subject_key, 'uscc:')
{% for claim in claims %}
{% for rows in ['rec."%s"' % claim.item, '(FROM rec."%s" AT (VERSION => %d))' % (claim.item, since)] %}
UNION
SELECT '{{ claim.prefix }}:' || v."{{ claim.field }}"
FROM xt_touched t
JOIN {{ rows }} v ON v.batch_id = t.batch_id AND v.row_number = t.row_number
WHERE t.item_id = '{{ claim.item }}'
{% endfor %}
{% endfor %};

-- Records that may be linked to another subject than before.
CREATE OR REPLACE TEMP TABLE xt_relinked AS
SELECT item_id, record_key, subject_key FROM xt_touched
UNION
SELECT item_id, record_key, subject_key FROM core.record SEMI JOIN xt_identifier ON identifier = subject_key;

CREATE OR REPLACE TEMP TABLE xt_changed AS
SELECT subject_key FROM xt_relinked WHERE subject_key IS NOT NULL
UNION
SELECT l.subject_key FROM core.link l SEMI JOIN xt_relinked USING (item_id, record_key) WHERE l.subject_key IS NOT NULL;
