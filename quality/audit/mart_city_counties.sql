-- 全市的县（市、区）数与保底目标合计等于各县之数
SELECT city.period, city.counties, c.n, city.floor_total, c.floor_total AS counties_floor
FROM mart.city_progress AS city
LEFT JOIN (
    SELECT period, count(*) FILTER (unit_kind = 'county') AS n, sum(floor_target) AS floor_total FROM mart.county_progress GROUP BY period
) AS c USING (period)
WHERE city.counties IS DISTINCT FROM c.n OR city.floor_total IS DISTINCT FROM c.floor_total
