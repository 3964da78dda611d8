-- 每项目录一张表；有数据的表都在目录中
SELECT coalesce(i.item_id, t.table_name) AS item_id, CASE WHEN t.table_name IS NULL THEN '缺表' ELSE '目录中没有，而表中有数据' END AS fault
FROM ref.item AS i
FULL JOIN (SELECT DISTINCT table_name FROM duckdb_columns() WHERE database_name = 'lake' AND schema_name = 'rec') AS t ON t.table_name = i.item_id
WHERE t.table_name IS NULL OR (i.item_id IS NULL AND t.table_name IN (SELECT item_id FROM audit_rec))
