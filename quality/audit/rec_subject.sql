-- 主体键的写法与识别依据一致；遮盖或缺号的没有主体键
SELECT item_id, identity_rule, regexp_replace(subject_key, '[0-9]', '9', 'g') AS form, count(*) AS rows
FROM audit_rec
WHERE NOT coalesce(CASE identity_rule
    WHEN 'uscc' THEN regexp_full_match(subject_key, 'uscc:[0-9A-Z]{18}')
    WHEN 'org_code' THEN regexp_full_match(subject_key, 'org:[0-9A-Z]{9}')
    WHEN 'registration_no' THEN regexp_full_match(subject_key, 'reg:[0-9A-Z]{6,}')
    WHEN 'resident_id' THEN regexp_full_match(subject_key, 'person:[0-9a-f]{32}')
    WHEN 'other_document' THEN regexp_full_match(subject_key, 'person:[0-9a-f]{32}')
    WHEN 'masked' THEN subject_key IS NULL
    WHEN 'none' THEN subject_key IS NULL
END, FALSE)
GROUP BY ALL
