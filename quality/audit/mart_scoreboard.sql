-- 示范评分表：得分由比率算出，月度得分与考核表相符（当年换了代码的县除外）
WITH scored AS (
    SELECT period[:4]::INTEGER AS year, board.county_code, avg(score) / 100 AS rate
    FROM mart.county_score AS score JOIN (SELECT DISTINCT year, through, county_code FROM mart.scoreboard) AS board
        ON board.county_code = score.county_code AND score.period BETWEEN board.year || '-01' AND board.through
    GROUP BY ALL
)
SELECT b.year, b.county_code, b.indicator, b.rate, b.points
FROM mart.scoreboard AS b LEFT JOIN scored ON scored.year = b.year AND scored.county_code = b.county_code
WHERE b.available <> (b.rate IS NOT NULL) OR b.available <> (b.points IS NOT NULL) OR b.points > b.weight + 1e-9 OR abs(b.points - b.weight::DOUBLE * least(1, b.rate)) > 1e-9
    OR (b.indicator = 'assessment' AND abs(b.rate - scored.rate) > 1e-9
        AND b.county_code NOT IN (SELECT code FROM ref.division WHERE valid_from > make_date(b.year, 1, 1)))
