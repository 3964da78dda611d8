-- 批次的报送单位区划在区划表中
SELECT batch_id, division FROM ops.batch WHERE division IS NOT NULL AND division NOT IN (SELECT code FROM ref.division)
