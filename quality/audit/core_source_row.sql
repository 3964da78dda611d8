-- 台账每行与它指向的来源行一致（主体、归属、内容、期次）
SELECT l.item_id, l.record_key, l.batch_id, l.row_number
FROM core.record l
LEFT JOIN audit_rec r
    ON r.item_id = l.item_id AND r.record_key = l.record_key AND r.batch_id = l.batch_id AND r.row_number = l.row_number
WHERE r.record_key IS NULL
    OR r.content_hash <> l.content_hash
    OR r.subject_key IS DISTINCT FROM l.subject_key
    OR r.identity_rule IS DISTINCT FROM l.identity_rule
    OR r.county_code IS DISTINCT FROM l.local_county_code
    OR r.county_rule IS DISTINCT FROM l.local_county_rule
    OR r.division_code IS DISTINCT FROM l.division_code
    OR r.period <> l.last_period
    OR (l.county_rule <> 'household' AND (l.county_code IS DISTINCT FROM l.local_county_code OR l.county_rule IS DISTINCT FROM l.local_county_rule))
