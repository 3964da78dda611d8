-- 文件中的一行只有一个去处：入库、隔离、忽略三者之一
SELECT batch_id, row_number, count(*) AS places
FROM (
    SELECT batch_id, row_number FROM audit_rec
    UNION ALL SELECT batch_id, row_number FROM ops.quarantine
    UNION ALL SELECT batch_id, row_number FROM ops.ignored
)
GROUP BY batch_id, row_number
HAVING count(*) > 1
