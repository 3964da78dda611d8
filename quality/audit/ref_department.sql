-- 部门表：标识不空不重，有简称与全称
SELECT department, count(*) AS lines
FROM ref.department
GROUP BY department
HAVING count(*) > 1 OR department IS NULL OR count(name) = 0 OR count(full_name) = 0
