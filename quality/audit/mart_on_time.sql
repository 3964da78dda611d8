-- 按期与否等于报送日期不晚于期限；不应报的没有期限
SELECT period, item_id, department, county_code, due_on, delivered_on, on_time
FROM mart.obligation
WHERE on_time IS DISTINCT FROM CASE WHEN due_on IS NOT NULL THEN coalesce(delivered_on <= due_on, FALSE) END
