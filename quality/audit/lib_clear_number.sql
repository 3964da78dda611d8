-- 自然人各库与冲突明细中不得有身份号码原文
SELECT subject_key, '自然人库' AS place FROM (
    SELECT subject_key, CAST(to_json(t) AS VARCHAR) AS content FROM lib.natural_person t
    UNION ALL SELECT subject_key, CAST(to_json(t) AS VARCHAR) FROM lib.group_teacher t
    UNION ALL SELECT subject_key, CAST(to_json(t) AS VARCHAR) FROM lib.group_medical t
    UNION ALL SELECT subject_key, CAST(to_json(t) AS VARCHAR) FROM lib.group_civil_servant t
    UNION ALL SELECT subject_key, CAST(to_json(t) AS VARCHAR) FROM lib.group_lawyer t
    UNION ALL SELECT subject_key, CAST(to_json(t) AS VARCHAR) FROM lib.group_driver t
    UNION ALL SELECT subject_key, CAST(to_json(t) AS VARCHAR) FROM lib.conflict t
)
WHERE regexp_matches(content, '"[1-9][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]"')
