-- 各库与冲突明细中没有身份号码原文
SELECT library, subject_key FROM audit_subject WHERE has_number
UNION ALL
SELECT library, subject_key FROM lib.conflict WHERE audit_has_number(concat_ws(' ', kept_value, other_value))
