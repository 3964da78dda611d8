-- 号码库保存的隔离行原文都有对应的隔离行
SELECT v.batch_id, v.row_number
FROM vault.quarantine AS v ANTI JOIN ops.quarantine AS q ON q.batch_id = v.batch_id AND q.row_number = v.row_number
