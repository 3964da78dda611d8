-- 有效行所载区划在区划表中
SELECT item_id, division_code, count(*) AS rows
FROM audit_rec
WHERE division_code IS NOT NULL AND division_code NOT IN (SELECT code FROM ref.division)
GROUP BY ALL
