-- 批次、隔离、问题、检查、申报的文字中没有身份号码原文
SELECT place, batch_id, row_number
FROM (
    SELECT 'ops.quarantine' AS place, batch_id, row_number, concat_ws(' ', value, message, faults, raw) AS content FROM ops.quarantine
    UNION ALL SELECT 'ops.issue', batch_id, row_number, concat_ws(' ', before, after, message) FROM ops.issue
    UNION ALL SELECT 'ops.expectation', batch_id, NULL, concat_ws(' ', observed, message) FROM ops.expectation
    UNION ALL SELECT 'ops.outcome', batch_id, NULL, concat_ws(' ', source_file, message) FROM ops.outcome
    UNION ALL SELECT 'ops.batch', batch_id, NULL, concat_ws(' ', batch_id, source_file) FROM ops.batch
    UNION ALL SELECT 'ops.declaration', source_file, NULL, concat_ws(' ', source_file, note) FROM ops.declaration
)
WHERE audit_has_number(content)
