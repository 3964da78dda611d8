-- 各库与冲突明细中不得有身份号码原文
SELECT library, subject_key
FROM audit_library
WHERE regexp_matches(content, '"[1-9][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]"')
