-- 某期的考核表缺行或重行：每期全市一行，每个县（市、区）、部门、目录各一行
SELECT 'city_progress' AS mart, period, NULL AS id, count(*) AS n
FROM mart.city_progress
GROUP BY period
HAVING n <> 1
UNION ALL
SELECT 'county_progress', period, county_code, count(*)
FROM mart.county_progress
GROUP BY period, county_code
HAVING count(*) <> 1
UNION ALL
SELECT 'department_progress', period, department, count(*)
FROM mart.department_progress
GROUP BY period, department
HAVING count(*) <> 1
UNION ALL
SELECT 'item_progress', period, item_id, count(*)
FROM mart.item_progress
GROUP BY period, item_id
HAVING count(*) <> 1
UNION ALL
SELECT 'county_progress', city.period, division.code, 0
FROM mart.city_progress AS city
JOIN ref.division AS division
    ON division.level = 'county' AND division.kind = 'gb2260'
    AND last_day((city.period || '-01')::DATE) >= division.valid_from
    AND last_day((city.period || '-01')::DATE) < division.valid_to
ANTI JOIN mart.county_progress AS county ON county.period = city.period AND county.county_code = division.code
