-- 得分＝各项得分按可计算的权重折算为100分再减扣分，最低0分；名次按得分、合规率，并列同名次
WITH scores AS (
    SELECT period, 'county' AS kind, county_code AS unit, unit_kind = 'county' AS ranked, score, rank, deduction, measured_weight, valid_rate FROM mart.county_score
    UNION ALL
    SELECT period, 'department', department, true, score, rank, deduction, measured_weight, valid_rate FROM mart.department_score
),
parts AS (
    SELECT period, kind, unit, sum(points) AS points, sum(weight) FILTER (available) AS weight, any_value(rate) FILTER (measure = 'valid') AS valid_rate
    FROM mart.score_part GROUP BY ALL
),
checked AS (
    SELECT scores.*, parts.points, parts.weight, parts.valid_rate AS true_valid,
        1 + (SELECT count(DISTINCT (other.score, coalesce(other.valid_rate, -1))) FROM scores AS other
             WHERE other.period = scores.period AND other.kind = scores.kind AND other.ranked AND other.score IS NOT NULL
                AND (other.score, coalesce(other.valid_rate, -1)) > (scores.score, coalesce(scores.valid_rate, -1))) AS true_rank
    FROM scores LEFT JOIN parts USING (period, kind, unit)
)
SELECT period, kind, unit, score, points, weight, deduction, rank, true_rank
FROM checked
WHERE abs(score - greatest(0, points * 100 / weight - deduction)) > 0.0051 OR (score IS NULL) <> (coalesce(weight, 0) = 0)
    OR valid_rate IS DISTINCT FROM true_valid OR rank IS DISTINCT FROM CASE WHEN ranked AND score IS NOT NULL THEN true_rank END
