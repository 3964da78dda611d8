-- 代码项的值都在代码表中
SELECT item_id, batch_id, wrong_code, count(*) AS rows
FROM audit_rec
WHERE wrong_code IS NOT NULL
GROUP BY ALL
