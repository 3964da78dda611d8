-- 考核表的期次、县（市、区）、部门、目录都认得
SELECT place, period, id
FROM (
    SELECT 'city_progress' AS place, period, NULL AS id FROM mart.city_progress
    WHERE period IS NULL OR NOT regexp_full_match(period, '[12][0-9]{3}-(0[1-9]|1[0-2])')
    UNION ALL SELECT 'county_progress', period, county_code FROM mart.county_progress WHERE county_code IS NULL OR county_code NOT IN (SELECT code FROM ref.division)
    UNION ALL SELECT 'county_item', period, county_code FROM mart.county_item WHERE county_code IS NULL OR county_code NOT IN (SELECT code FROM ref.division)
    UNION ALL SELECT 'obligation', period, county_code FROM mart.obligation WHERE county_code IS NULL OR county_code NOT IN (SELECT code FROM ref.division)
    -- An item that has left the catalog keeps its records and its row, under its own name.
    UNION ALL SELECT 'item_progress', period, item_id FROM mart.item_progress
    WHERE item_id NOT IN (SELECT item_id FROM ref.item) AND item_id NOT IN (SELECT item_id FROM core.record UNION SELECT item_id FROM ops.batch)
    UNION ALL SELECT 'department_progress', period, department FROM mart.department_progress
    WHERE department NOT IN (SELECT department FROM ref.department UNION SELECT department FROM ops.batch WHERE department IS NOT NULL) AND department <> 'unknown'
)
UNION ALL
SELECT place, period, NULL
FROM (
    SELECT DISTINCT 'county_progress' AS place, period FROM mart.county_progress
    UNION SELECT DISTINCT 'item_progress', period FROM mart.item_progress
    UNION SELECT DISTINCT 'department_progress', period FROM mart.department_progress
    UNION SELECT DISTINCT 'obligation', period FROM mart.obligation
    UNION SELECT DISTINCT 'timeliness', period FROM mart.timeliness
    UNION SELECT DISTINCT 'county_item', period FROM mart.county_item
)
WHERE period NOT IN (SELECT period FROM mart.city_progress)
