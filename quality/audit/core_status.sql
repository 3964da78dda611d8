-- 台账的有效、消失状态可由各期全量清单重新得出
WITH seen AS (
    SELECT item_id, record_key, batch_id FROM audit_rec
    UNION ALL
    SELECT item_id, record_key, batch_id FROM ops.quarantine WHERE record_key IS NOT NULL
),
lists AS (
    SELECT item_id, department, coalesce(division, '') AS division, period, batch_id,
        dense_rank() OVER (PARTITION BY item_id, department, coalesce(division, '') ORDER BY period) AS place
    FROM ops.batch SEMI JOIN (FROM ref.item WHERE delivery = 'replaces') AS full_lists USING (item_id)
),
-- How many lists of the provider followed the last one with the record, and of which period the first of them was.
last_seen AS (
    SELECT item_id, record_key, department, lists.division, max(place) AS place FROM seen JOIN lists USING (item_id, batch_id) GROUP BY ALL
),
followed AS (
    SELECT l.item_id, l.record_key, n.period FROM last_seen AS l
    LEFT JOIN (SELECT DISTINCT item_id, department, division, place, period FROM lists) AS n
        ON n.item_id = l.item_id AND n.department = l.department AND n.division = l.division AND n.place = l.place + 1
),
expected AS (
    SELECT item_id, record_key, CASE WHEN bool_and(period IS NOT NULL) THEN max(period) END AS ended_period FROM followed GROUP BY ALL
)
SELECT r.item_id, r.record_key, r.status, r.ended_period, e.ended_period AS expected
FROM core.record AS r LEFT JOIN expected AS e USING (item_id, record_key)
WHERE r.ended_period IS DISTINCT FROM e.ended_period
    OR r.status IS DISTINCT FROM CASE WHEN e.ended_period IS NULL THEN 'active' ELSE 'ended' END
