-- 拒收记录都写明批次、步骤、原因与时间
SELECT batch_id, step, message, occurred_at
FROM ops.outcome
WHERE coalesce(batch_id, '') = '' OR coalesce(step, '') = '' OR coalesce(message, '') = '' OR occurred_at IS NULL
