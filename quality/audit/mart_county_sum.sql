-- 各县（市、区）、开发区、市本级之和不等于全市归集量，或分项不等于合计
SELECT
    city.period,
    city.collected,
    sum(county.collected) AS counties,
    city.collected_in_period,
    sum(county.collected_in_period) AS counties_in_period
FROM mart.city_progress AS city
LEFT JOIN mart.county_progress AS county ON county.period = city.period
GROUP BY ALL
HAVING counties IS DISTINCT FROM city.collected
    OR counties_in_period IS DISTINCT FROM city.collected_in_period
    OR bool_or(county.collected <> county.collected_before + county.collected_in_period)
