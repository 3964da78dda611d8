-- 整改表与疑问行一一对应，关闭它们的确是同一单位其后首次报来的有效行
WITH batches AS (
    SELECT batch_id, item_id, period, delivery, department, division, rows_read, period || ' ' || delivery AS place,
        coalesce(try_strptime(regexp_extract(delivery, '^([0-9]{8})-', 1), '%Y%m%d'), received_at + INTERVAL 8 HOUR)::DATE AS day
    FROM ops.batch
),
questioned AS (
    SELECT q.batch_id, q.row_number, q.record_key, b.* EXCLUDE (batch_id)
    FROM ops.quarantine AS q JOIN batches AS b USING (batch_id) WHERE q.level = 'quarantine'
),
taken AS (
    SELECT b.*, r.row_number, r.record_key FROM audit_rec AS r JOIN batches AS b USING (batch_id)
),
answers AS (
    SELECT q.batch_id, q.row_number, min({'period': t.period, 'delivery': t.delivery, 'row_number': t.row_number}) AS answer
    FROM questioned AS q JOIN taken AS t
        ON t.item_id = q.item_id AND t.department = q.department AND coalesce(t.division, '') = coalesce(q.division, '') AND t.record_key = q.record_key
    WHERE (t.period, t.delivery) > (q.period, q.delivery)
    GROUP BY ALL
    UNION ALL
    SELECT q.batch_id, q.row_number, min({'period': t.period, 'delivery': t.delivery, 'row_number': t.row_number})
    FROM questioned AS q JOIN taken AS t
        ON t.item_id = q.item_id AND t.department = q.department AND coalesce(t.division, '') = coalesce(q.division, '')
            AND t.period = q.period AND t.row_number = q.row_number AND t.rows_read = q.rows_read
    WHERE q.record_key IS NULL AND t.delivery > q.delivery
    GROUP BY ALL
),
expected AS (
    SELECT q.batch_id, q.row_number, q.day AS found_on,
        q.item_id || '/' || answer.period || '/' || answer.delivery AS closed_batch_id, answer.row_number AS closed_row_number
    FROM questioned AS q LEFT JOIN answers USING (batch_id, row_number)
)
SELECT coalesce(r.batch_id, e.batch_id) AS batch_id, coalesce(r.row_number, e.row_number) AS row_number, r.closed_batch_id, e.closed_batch_id AS expected
FROM ops.rectification AS r FULL JOIN expected AS e USING (batch_id, row_number)
LEFT JOIN batches AS c ON c.batch_id = e.closed_batch_id
WHERE r.batch_id IS NULL OR e.batch_id IS NULL OR r.closed_batch_id IS DISTINCT FROM e.closed_batch_id
    OR r.closed_row_number IS DISTINCT FROM e.closed_row_number OR r.found_on IS DISTINCT FROM e.found_on
    OR r.closed_on IS DISTINCT FROM c.day OR r.days IS DISTINCT FROM c.day - r.found_on
    OR (r.matched_by IS NULL) <> (r.closed_batch_id IS NULL)
