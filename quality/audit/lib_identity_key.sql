-- 标识对照以标识为键，归并以目录和记录键为键，不空不重
SELECT identifier, count(*) AS lines FROM core.identity GROUP BY identifier HAVING count(*) > 1 OR identifier IS NULL
UNION ALL
SELECT item_id || '/' || record_key, count(*) FROM core.link GROUP BY item_id, record_key HAVING count(*) > 1 OR record_key IS NULL OR item_id IS NULL
