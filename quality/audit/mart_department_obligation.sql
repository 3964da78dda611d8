-- 各部门的目录数、应报数、已报数与“零归集”与报送责任明细相符
SELECT d.period, d.department, d.items, o.items AS obligations, d.items_owed, o.owed, d.items_delivered, o.delivered, d.is_zero
FROM mart.department_progress AS d
LEFT JOIN (
    SELECT period, department, count(*) AS items, count(*) FILTER (role <> 'none' AND due_on IS NOT NULL) AS owed,
        count(*) FILTER (due_on IS NOT NULL AND state IN ('delivered', 'zero')) AS delivered
    FROM mart.obligation ANTI JOIN ref.apart USING (item_id) WHERE county_code = '130500' GROUP BY ALL
) AS o USING (period, department)
WHERE d.items <> coalesce(o.items, 0) OR d.items_owed <> coalesce(o.owed, 0) OR d.items_delivered <> coalesce(o.delivered, 0)
    OR d.is_zero IS DISTINCT FROM (coalesce(o.owed, 0) > 0 AND coalesce(o.delivered, 0) = 0)
