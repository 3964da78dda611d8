-- 有效行的各文字项没有身份号码原文
SELECT item_id, batch_id, row_number FROM audit_rec WHERE has_number
