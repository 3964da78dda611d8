-- 台账与有效行的记录一一对应
SELECT coalesce(r.item_id, l.item_id) AS item_id, coalesce(r.record_key, l.record_key) AS record_key, l.lines, r.first_period
FROM (SELECT item_id, record_key, min(period) AS first_period FROM audit_rec GROUP BY item_id, record_key) r
FULL JOIN (SELECT item_id, record_key, min(first_period) AS first_period, count(*) AS lines FROM core.record GROUP BY item_id, record_key) l
    USING (item_id, record_key)
WHERE r.record_key IS NULL OR l.record_key IS NULL OR l.lines <> 1 OR r.first_period <> l.first_period
