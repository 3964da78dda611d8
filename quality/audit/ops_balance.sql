-- 批次行数守恒：上报＝新增＋更新＋重复＋隔离＋忽略
SELECT batch_id, rows_read, rows_new, rows_updated, rows_duplicate, rows_quarantined, rows_ignored
FROM ops.batch
WHERE rows_read <> rows_accepted + rows_duplicate + rows_quarantined + rows_ignored
    OR rows_accepted <> rows_new + rows_updated
    OR rows_set_aside > rows_quarantined
