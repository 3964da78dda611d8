-- 考核表的文字中没有身份号码原文
SELECT mart, period
FROM (
    SELECT 'obligation' AS mart, period, concat_ws(' ', title, department_name, county_name, reason) AS content FROM mart.obligation
    UNION ALL SELECT 'item_progress', period, concat_ws(' ', title, department_name) FROM mart.item_progress
    UNION ALL SELECT 'department_progress', period, concat_ws(' ', department, department_name) FROM mart.department_progress
    UNION ALL SELECT 'review_flag', period, concat_ws(' ', message, source_file) FROM mart.review_flag
    UNION ALL SELECT 'scoreboard', through, evidence FROM mart.scoreboard
    UNION ALL SELECT 'county_progress', period, concat_ws(' ', county_code, county_name) FROM mart.county_progress
)
WHERE regexp_matches(content, '[1-9][0-9]{5}(18|19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]')
