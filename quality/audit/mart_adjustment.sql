-- 调整数＝重算－发布；发布数是最近一个已发布期次的，每个单位一行
SELECT a.period, a.of_period, a.county_code, a.published, a.recomputed, a.difference
FROM mart.adjustment AS a
LEFT JOIN ops.publication AS p ON p.period = a.of_period AND p.snapshot = a.snapshot
WHERE a.difference <> a.recomputed - a.published OR p.period IS NULL OR a.of_period >= a.period
UNION ALL
SELECT period, NULL, county_code, count(*), NULL, NULL FROM mart.adjustment GROUP BY ALL HAVING count(*) > 1
