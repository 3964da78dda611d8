-- 台账的主体键写法正确：信用代码18位，个人只有假名
SELECT item_id, identity_rule, regexp_replace(subject_key, '[0-9]', '9', 'g') AS form, count(*) AS records
FROM core.record
WHERE (subject_key IS NULL) <> (identity_rule IN ('masked', 'none'))
    OR (subject_key IS NOT NULL AND NOT regexp_full_match(subject_key, 'uscc:[0-9A-Z]{18}|org:[0-9A-Z]{9}|reg:[0-9A-Z]{6,}|person:[0-9a-f]{32}'))
GROUP BY ALL
