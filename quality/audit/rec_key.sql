-- 有效行以批次和行号为键，不重复
SELECT item_id, batch_id, row_number, count(*) AS lines
FROM audit_rec
GROUP BY ALL
HAVING count(*) > 1
