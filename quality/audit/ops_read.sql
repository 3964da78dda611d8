-- 上报行数等于逐行数出来的入库、隔离、忽略之和
WITH found AS (
    SELECT batch_id, count(*) AS n
    FROM (
        SELECT batch_id FROM audit_rec
        UNION ALL SELECT batch_id FROM ops.quarantine
        UNION ALL SELECT batch_id FROM ops.ignored
    )
    GROUP BY batch_id
)
SELECT b.batch_id, b.rows_read, coalesce(found.n, 0) AS counted
FROM ops.batch AS b LEFT JOIN found USING (batch_id)
WHERE b.rows_read IS DISTINCT FROM coalesce(found.n, 0)
