-- 新增、更新、重复的行数可由各批次的行重新算出
WITH ordered AS (
    SELECT *, max(coalesce(source_time, TIMESTAMP '0001-01-01')) OVER earlier AS newest_before,
        row_number() OVER delivered AS place
    FROM audit_rec
    WINDOW delivered AS (PARTITION BY item_id, record_key ORDER BY period, delivery, row_number),
        earlier AS (delivered ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
-- Rows older than what was already known never became current, so they cannot be anyone's predecessor.
standing AS (
    SELECT *, lag(content_hash) OVER (PARTITION BY item_id, record_key ORDER BY place) AS before
    FROM ordered
    WHERE newest_before IS NULL OR coalesce(source_time, TIMESTAMP '0001-01-01') >= newest_before
),
counted AS (
    SELECT batch_id, count(*) AS in_rec FROM audit_rec GROUP BY batch_id
),
versions AS (
    SELECT batch_id, count(*) FILTER (place = 1) AS new, count(*) FILTER (place > 1 AND content_hash <> before) AS updated
    FROM standing GROUP BY batch_id
)
SELECT b.batch_id, b.rows_new, v.new, b.rows_updated, v.updated, b.rows_accepted + b.rows_duplicate AS kept, c.in_rec
FROM ops.batch b
LEFT JOIN versions v USING (batch_id)
LEFT JOIN counted c USING (batch_id)
WHERE b.rows_new <> coalesce(v.new, 0)
    OR b.rows_updated <> coalesce(v.updated, 0)
    OR b.rows_accepted + b.rows_duplicate <> coalesce(c.in_rec, 0)
