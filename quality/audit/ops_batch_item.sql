-- 批次的目录在目录表中
SELECT batch_id, item_id FROM ops.batch ANTI JOIN ref.item USING (item_id)
