-- 报送标识中的区划、部门与批次所记一致
SELECT batch_id, delivery, division, department
FROM ops.batch
WHERE division IS NOT NULL
    AND (
        NOT regexp_matches(delivery, '^[0-9]{8}-[0-9]{2,4}-[0-9]{6}(-[a-z0-9]+)?$')
        OR split_part(delivery, '-', 3) <> division
        OR split_part(delivery, '-', 4) NOT IN ('', department)
    )
