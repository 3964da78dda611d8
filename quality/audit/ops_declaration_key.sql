-- 月报表申报：每期每单位每目录一条，产生数不为负
SELECT period, division, department, item_id, count(*) AS lines, min(produced) AS produced
FROM ops.declaration
GROUP BY ALL
HAVING count(*) > 1 OR min(coalesce(produced, -1)) < 0
