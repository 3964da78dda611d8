-- 版本数至少为一，且不多于该记录的有效行数
SELECT l.item_id, l.record_key, l.versions, r.n AS rows
FROM core.record AS l
JOIN (SELECT item_id, record_key, count(*) AS n FROM audit_rec GROUP BY ALL) AS r USING (item_id, record_key)
WHERE l.versions IS NULL OR l.versions < 1 OR l.versions > r.n
