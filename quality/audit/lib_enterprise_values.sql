-- 企业法人库的名称、状态与成立日期须与其所记来源的现行记录相同
WITH current AS (
    SELECT r.subject_key, r.item_id, v.name, v.status, v.established_on
    FROM core.record r
    JOIN (
        SELECT batch_id, row_number, name, status, established_on FROM rec.enterprise_registration
        UNION ALL SELECT batch_id, row_number, name, status, established_on FROM rec.cooperative_registration
    ) v ON v.batch_id = r.batch_id AND v.row_number = r.row_number
)
SELECT e.subject_key, e.name, e.status, e.established_on
FROM lib.enterprise e
WHERE ((e.sources ->> 'name') IN ('enterprise_registration', 'cooperative_registration') AND NOT EXISTS (
        FROM current c WHERE c.subject_key = e.subject_key AND c.item_id = (e.sources ->> 'name') AND c.name = e.name))
   OR (e.status IS NOT NULL AND NOT EXISTS (
        FROM current c WHERE c.subject_key = e.subject_key AND c.item_id = (e.sources ->> 'status') AND c.status = e.status))
   OR (e.established_on IS NOT NULL AND NOT EXISTS (
        FROM current c WHERE c.subject_key = e.subject_key AND c.item_id = (e.sources ->> 'established_on')
            AND c.established_on = e.established_on))
