-- 冲突明细：两值须不同，来源次序须与库的定义一致，件数须与库中所记相符
SELECT c.library, c.subject_key, c.attribute, '两值相同，或来源次序颠倒' AS fault
FROM lib.conflict c
LEFT JOIN lib.attribute k ON k.library = c.library AND k.attribute = c.attribute AND k.item_id = c.kept_source
LEFT JOIN lib.attribute o ON o.library = c.library AND o.attribute = c.attribute AND o.item_id = c.other_source
WHERE c.kept_value = c.other_value OR k.position IS NULL OR o.position IS NULL OR k.position >= o.position
UNION ALL
SELECT s.library, s.subject_key, NULL, '冲突件数与明细不符'
FROM audit_subject s
LEFT JOIN (
    SELECT library, subject_key, count(DISTINCT attribute) AS conflicts FROM lib.conflict GROUP BY ALL
) c ON c.library = s.library AND c.subject_key = s.subject_key
WHERE s.conflict_count <> coalesce(c.conflicts, 0)
UNION ALL
SELECT c.library, c.subject_key, c.attribute, '冲突的主体不在库中'
FROM lib.conflict c
ANTI JOIN audit_subject s ON s.library = c.library AND s.subject_key = c.subject_key
