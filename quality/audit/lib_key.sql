-- 各库的主体键不空，写法正确
SELECT library, regexp_replace(subject_key, '[0-9]', '9', 'g') AS form, count(*) AS subjects
FROM audit_subject
WHERE NOT coalesce(regexp_full_match(subject_key, 'uscc:[0-9A-Z]{18}|org:[0-9A-Z]{9}|reg:[0-9A-Z]{6,}|person:[0-9a-f]{32}'), FALSE)
GROUP BY ALL
