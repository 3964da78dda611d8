-- 隔离所指的数据项都在目录中
SELECT q.item_id, q.field, count(*) AS rows
FROM ops.quarantine AS q ANTI JOIN ref.field AS f ON f.item_id = q.item_id AND f.field = q.field
WHERE q.field IS NOT NULL
GROUP BY ALL
