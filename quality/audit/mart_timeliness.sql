-- 报送时效与报送责任明细逐行相符
SELECT coalesce(t.period, o.period) AS period, coalesce(t.item_id, o.item_id) AS item_id, coalesce(t.department, o.department) AS department,
    coalesce(t.county_code, o.county_code) AS county_code, t.status, o.state
FROM mart.timeliness AS t
FULL JOIN (FROM mart.obligation WHERE state <> 'not_due') AS o USING (period, item_id, department, county_code)
WHERE ROW(t.due_date, t.delivered_on, t.on_time, t.status) IS DISTINCT FROM ROW(o.due_on, o.delivered_on, o.on_time, o.state)
