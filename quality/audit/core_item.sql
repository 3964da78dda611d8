-- 台账的目录都在目录表中
SELECT item_id, count(*) AS records FROM core.record ANTI JOIN ref.item USING (item_id) GROUP BY item_id
