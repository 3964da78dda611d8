-- 台账以目录和记录键为键，不空不重
SELECT item_id, record_key, count(*) AS lines
FROM core.record
GROUP BY ALL
HAVING count(*) > 1 OR item_id IS NULL OR record_key IS NULL
