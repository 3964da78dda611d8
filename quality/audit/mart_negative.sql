-- 考核表的各数不为负
SELECT 'county_progress' AS mart, period, county_code AS id FROM mart.county_progress WHERE least(collected, collected_in_period, collected_before, collected_in_previous, unplaced) < 0
UNION ALL
SELECT 'item_progress', period, item_id FROM mart.item_progress WHERE least(submitted, accepted, new, updated, duplicate, questioned, set_aside, collected, linked) < 0 OR linked > collected
UNION ALL
SELECT 'department_progress', period, department FROM mart.department_progress WHERE least(submitted, accepted, new, updated, duplicate, questioned, set_aside, collected) < 0
UNION ALL
SELECT 'obligation', period, item_id FROM mart.obligation WHERE least(batches, submitted, accepted) < 0 OR accepted > submitted OR produced < 0
