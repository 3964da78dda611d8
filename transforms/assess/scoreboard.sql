-- The year so far by the indicators of demonstration counties, from the same measures as the monthly scores.
DELETE FROM mart.scoreboard WHERE year = $period[:4]::INTEGER;
INSERT INTO mart.scoreboard BY NAME
-- What a county had under its code of before a change in the year is its own.
WITH connected AS (
    SELECT county_code, sum(met)::DOUBLE AS achieved, count(*)::DOUBLE AS possible
    FROM (
        SELECT place.unit AS county_code, item_id, max(met) AS met
        FROM mart.provider_item AS p JOIN assess_earlier_division AS place ON place.division = p.county_code
        WHERE period BETWEEN $period[:4] || '-01' AND $period AND owed = 1 GROUP BY ALL
    )
    GROUP BY county_code
),
scored AS (
    SELECT place.unit AS county_code, sum(score ORDER BY period, s.county_code) AS achieved, 100.0 * count(score) AS possible
    FROM mart.county_score AS s JOIN assess_earlier_division AS place ON place.division = s.county_code
    WHERE period BETWEEN $period[:4] || '-01' AND $period AND score IS NOT NULL GROUP BY place.unit
),
found AS (
    SELECT county_code, 'connected' AS measure, NULL AS indicator, achieved, possible, NULL AS evidence FROM connected
    UNION ALL SELECT county_code, 'score', NULL, achieved, possible, NULL FROM scored
    UNION ALL SELECT code, 'evidence', indicator, achieved::DOUBLE, possible::DOUBLE, evidence FROM assess_evidence WHERE year = $period[:4]::INTEGER
)
SELECT
    $period[:4]::INTEGER AS year, $period AS through, unit.county_code, unit.county_name, i.position, i.indicator, i.title,
    i.points AS weight, coalesce(found.possible > 0, false) AS available, found.achieved / found.possible AS rate,
    CASE WHEN found.possible > 0 THEN i.points::DOUBLE * least(1, found.achieved / found.possible) END AS points, found.evidence
FROM assess_unit AS unit
CROSS JOIN assess_indicator AS i
LEFT JOIN found ON found.county_code = unit.county_code AND found.measure = i.measure AND coalesce(found.indicator, i.indicator) = i.indicator
WHERE unit.unit_kind = 'county'
ORDER BY unit.county_code, i.position;
