-- 问题登记都指向已入库的行
SELECT i.batch_id, i.row_number, i.field, i.rule
FROM ops.issue AS i ANTI JOIN audit_rec AS r ON r.batch_id = i.batch_id AND r.row_number = i.row_number AND r.item_id = i.item_id AND r.period = i.period
