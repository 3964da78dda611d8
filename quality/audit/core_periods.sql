-- 台账的首末期次真实、先后有序，且该目录在这些期次有批次
SELECT l.item_id, l.first_period, l.last_period, count(*) AS records
FROM core.record AS l
LEFT JOIN (SELECT DISTINCT item_id, period FROM ops.batch) AS f ON f.item_id = l.item_id AND f.period = l.first_period
LEFT JOIN (SELECT DISTINCT item_id, period FROM ops.batch) AS t ON t.item_id = l.item_id AND t.period = l.last_period
WHERE f.period IS NULL OR t.period IS NULL OR l.first_period > l.last_period
GROUP BY ALL
