-- 隔离行都有行号、规则、说明、问题清单和原文，处理为疑问或搁置
SELECT batch_id, row_number, level, rule
FROM ops.quarantine
WHERE coalesce(row_number, 0) < 1 OR coalesce(rule, '') = '' OR coalesce(message, '') = '' OR faults IS NULL OR raw IS NULL
    OR level IS NULL OR level NOT IN ('quarantine', 'set_aside')
