-- 各县（市、区）应报、已报责任数与报送责任明细相符
SELECT c.period, c.county_code, c.obligations_owed, o.owed, c.obligations_met, o.met
FROM mart.county_progress AS c
LEFT JOIN (
    SELECT period, county_code, count(*) FILTER (due_on IS NOT NULL) AS owed, count(*) FILTER (due_on IS NOT NULL AND state <> 'missing') AS met
    FROM mart.obligation ANTI JOIN ref.apart USING (item_id) GROUP BY ALL
) AS o USING (period, county_code)
WHERE c.obligations_owed <> coalesce(o.owed, 0) OR c.obligations_met <> coalesce(o.met, 0)
