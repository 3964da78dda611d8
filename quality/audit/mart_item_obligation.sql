-- 各目录的应报、已报单位数与状态与报送责任明细相符
SELECT i.period, i.item_id, i.providers_owed, o.owed, i.providers_met, o.met, i.status, o.status AS expected_status
FROM mart.item_progress AS i
LEFT JOIN (
    SELECT period, item_id, count(*) FILTER (due_on IS NOT NULL) AS owed, count(*) FILTER (due_on IS NOT NULL AND state <> 'missing') AS met,
        CASE WHEN bool_or(state = 'delivered') THEN 'delivered' WHEN bool_or(state = 'missing') THEN 'missing'
            WHEN bool_or(state = 'zero') THEN 'zero' ELSE 'not_due' END AS status
    FROM mart.obligation GROUP BY ALL
) AS o USING (period, item_id)
WHERE i.providers_owed <> coalesce(o.owed, 0) OR i.providers_met <> coalesce(o.met, 0) OR i.status <> coalesce(o.status, 'not_due')
