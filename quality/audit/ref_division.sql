-- 区划表：同一代码的启用期间不重叠，起止有序
SELECT a.code, a.valid_from, a.valid_to, b.valid_from AS other_from
FROM ref.division AS a
LEFT JOIN ref.division AS b
    ON b.code = a.code AND b.kind = a.kind AND b.valid_from < a.valid_to AND a.valid_from < b.valid_to AND (b.valid_from, b.valid_to) <> (a.valid_from, a.valid_to)
WHERE a.code IS NULL OR a.name IS NULL OR a.valid_from >= a.valid_to OR b.code IS NOT NULL
UNION ALL
SELECT code, valid_from, valid_to, NULL FROM ref.division GROUP BY code, valid_from, valid_to, kind HAVING count(*) > 1
