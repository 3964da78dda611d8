-- 同一记录的各版本先后分明：期次、报送、行号不相重，期次不早于首次
SELECT item_id, record_key, period, delivery, row_number, count(*) AS rows
FROM audit_rec
SEMI JOIN (SELECT item_id, record_key FROM audit_rec GROUP BY ALL HAVING count(*) > 1) USING (item_id, record_key)
GROUP BY ALL
HAVING count(*) > 1
