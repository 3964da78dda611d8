-- 各库主体的归属县（市、区）在区划表中
SELECT library, county_code, count(*) AS subjects
FROM audit_subject
WHERE county_code IS NULL OR county_code NOT IN (SELECT code FROM ref.division)
GROUP BY ALL
