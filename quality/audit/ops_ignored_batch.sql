-- 忽略行都属于登记在册的批次，原因为空行、重复表头、页脚、来源库中已标为删除之一
SELECT i.batch_id, i.row_number, i.reason
FROM ops.ignored AS i LEFT JOIN ops.batch AS b ON b.batch_id = i.batch_id AND b.item_id = i.item_id AND b.period = i.period
WHERE b.batch_id IS NULL OR i.reason IS NULL OR i.reason NOT IN ('blank', 'repeated_header', 'footer', 'withdrawn')
