-- 归属县（市、区）都在区划表中
SELECT item_id, county_code, count(*) AS records
FROM core.record
WHERE county_code IS NULL OR county_code NOT IN (SELECT code FROM ref.division)
GROUP BY item_id, county_code
