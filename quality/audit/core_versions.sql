-- 台账的版本数等于内容变化的次数加一
WITH ordered AS (
    SELECT item_id, record_key, content_hash, period, delivery, row_number,
        coalesce(source_time, TIMESTAMP '0001-01-01') AS time,
        max(coalesce(source_time, TIMESTAMP '0001-01-01')) OVER (
            PARTITION BY item_id, record_key ORDER BY period, delivery, row_number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS newest_before
    FROM audit_rec
),
changes AS (
    SELECT item_id, record_key,
        content_hash IS DISTINCT FROM lag(content_hash) OVER (PARTITION BY item_id, record_key ORDER BY period, delivery, row_number) AS changed
    FROM ordered WHERE newest_before IS NULL OR time >= newest_before
)
SELECT l.item_id, l.record_key, l.versions, c.versions AS expected
FROM core.record l
JOIN (SELECT item_id, record_key, count(*) FILTER (changed) AS versions FROM changes GROUP BY item_id, record_key) c
    USING (item_id, record_key)
WHERE l.versions <> c.versions
