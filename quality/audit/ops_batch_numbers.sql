-- 批次的各项行数齐全且不为负
SELECT batch_id, rows_read, rows_accepted, rows_new, rows_updated, rows_duplicate, rows_quarantined, rows_set_aside, rows_ignored
FROM ops.batch
WHERE least(rows_read, rows_accepted, rows_new, rows_updated, rows_duplicate, rows_quarantined, rows_set_aside, rows_ignored) < 0
    OR rows_read + rows_accepted + rows_new + rows_updated + rows_duplicate + rows_quarantined + rows_set_aside + rows_ignored IS NULL
