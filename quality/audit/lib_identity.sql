-- 标识对照：组织机构代码须在统一社会信用代码第9至17位或登记记录中，注册号须在登记记录中，且只归一个主体
WITH code AS (
    SELECT 'org:' || substr(subject_key, 14, 9) AS identifier, subject_key
    FROM (FROM core.record ANTI JOIN ref.apart USING (item_id))
    WHERE starts_with(subject_key, 'uscc:')
    GROUP BY ALL
), stated AS (
    SELECT 'reg:' || v.registration_no AS identifier, r.subject_key
    FROM core.record r
    JOIN audit_registration_no v ON v.batch_id = r.batch_id AND v.row_number = r.row_number
    WHERE v.registration_no IS NOT NULL AND starts_with(r.subject_key, 'uscc:')
)
SELECT identifier, subject_key, '一码多主却作了关联' AS fault
FROM core.identity
WHERE (claimants > 1) = (subject_key IS NOT NULL)
UNION ALL
SELECT i.identifier, i.subject_key, '与信用代码或登记记录不符'
FROM core.identity i
WHERE i.subject_key IS NOT NULL
  AND NOT EXISTS (FROM code c WHERE c.identifier = i.identifier AND c.subject_key = i.subject_key)
  AND NOT EXISTS (FROM stated s WHERE s.identifier = i.identifier AND s.subject_key = i.subject_key)
UNION ALL
SELECT c.identifier, c.subject_key, '对照表缺此标识，或没有看到其他主体的主张'
FROM (FROM code UNION FROM stated) c
LEFT JOIN core.identity i ON i.identifier = c.identifier
WHERE i.identifier IS NULL OR i.subject_key <> c.subject_key
