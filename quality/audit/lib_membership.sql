-- 库中的主体应恰为在其成员目录中有台账记录的主体
WITH expected AS (
    SELECT DISTINCT m.library, coalesce(l.subject_key, r.subject_key) AS subject_key
    FROM lib.member m
    JOIN core.record r ON r.item_id = m.item_id
    LEFT JOIN core.link l ON l.item_id = r.item_id AND l.record_key = r.record_key
    WHERE m.role = 'member' AND r.subject_key IS NOT NULL
      AND (m.subject = 'any' OR starts_with(r.subject_key, 'person:') = (m.subject = 'person'))
)
SELECT coalesce(e.library, s.library) AS library, coalesce(e.subject_key, s.subject_key) AS subject_key,
       CASE WHEN s.subject_key IS NULL THEN '台账有而库中无' ELSE '库中有而台账无' END AS fault
FROM expected e
FULL JOIN audit_subject s ON s.library = e.library AND s.subject_key = e.subject_key
WHERE e.subject_key IS NULL OR s.subject_key IS NULL
UNION ALL
SELECT library, subject_key, '主体重复' FROM audit_subject GROUP BY library, subject_key HAVING count(*) > 1
