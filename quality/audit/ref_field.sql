-- 数据项表与各目录的表逐列相符，代码表认得
SELECT f.item_id, f.field, f.list
FROM ref.field AS f
LEFT JOIN (SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'lake' AND schema_name = 'rec') AS c
    ON c.table_name = f.item_id AND c.column_name = f.field
WHERE c.column_name IS NULL OR (f.list IS NOT NULL AND f.list NOT IN (SELECT list FROM ref.code))
UNION ALL
SELECT item_id, field, NULL FROM ref.field GROUP BY ALL HAVING count(*) > 1
