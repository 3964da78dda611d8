-- 台账的当前版本是来源时间、期次、报送、行号最大者的内容
-- Most records have one row: to look for the newest of one takes memory that 30 million do not leave.
WITH several AS (SELECT item_id, record_key FROM audit_rec GROUP BY item_id, record_key HAVING count(*) > 1),
newest AS (
    SELECT item_id, record_key,
        arg_max(content_hash, (coalesce(source_time, TIMESTAMP '0001-01-01'), period, delivery, row_number)) AS content_hash
    FROM audit_rec SEMI JOIN several USING (item_id, record_key) GROUP BY item_id, record_key
    UNION ALL
    SELECT item_id, record_key, content_hash FROM audit_rec ANTI JOIN several USING (item_id, record_key)
)
SELECT l.item_id, l.record_key, l.content_hash, n.content_hash AS expected
FROM core.record l JOIN newest n USING (item_id, record_key)
WHERE l.content_hash <> n.content_hash
