-- 全市应报、已报的责任数与目录数等于各目录之和
SELECT city.period, city.obligations_owed, i.owed, city.obligations_met, i.met, city.items_owed, city.items_delivered
FROM mart.city_progress AS city
LEFT JOIN (
    SELECT period, sum(providers_owed) AS owed, sum(providers_met) AS met, count(*) FILTER (providers_owed > 0) AS items,
        count(*) FILTER (providers_owed > 0 AND providers_met > 0) AS delivered
    FROM mart.item_progress GROUP BY period
) AS i USING (period)
WHERE ROW(city.obligations_owed, city.obligations_met, city.items_owed, city.items_delivered)
    IS DISTINCT FROM ROW(i.owed, i.met, i.items, i.delivered)
