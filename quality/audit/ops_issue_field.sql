-- 问题登记的数据项都在目录中，种类与说明齐全
SELECT i.item_id, i.field, i.rule, count(*) AS rows
FROM ops.issue AS i LEFT JOIN ref.field AS f ON f.item_id = i.item_id AND f.field = i.field
WHERE (i.field IS NOT NULL AND f.field IS NULL) OR coalesce(i.rule, '') = '' OR coalesce(i.message, '') = ''
GROUP BY ALL
