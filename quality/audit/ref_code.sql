-- 代码表：同一表中代码不空不重，都有名称
SELECT list, code, count(*) AS lines
FROM ref.code
GROUP BY list, code
HAVING count(*) > 1 OR code IS NULL OR count(title) = 0
