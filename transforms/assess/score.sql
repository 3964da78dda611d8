-- The hundred points: every part with what it was made of, then the totals and ranks.
CREATE OR REPLACE TEMP TABLE assess_scored AS
WITH sums AS (
    SELECT 'county' AS kind, county_code AS unit, * EXCLUDE (county_code)
    FROM (
        SELECT county_code, sum(COLUMNS(* EXCLUDE (period, item_id, title, department, department_name, county_code, county_name, handling_days))),
            sum(least(submitted, produced)) FILTER (owed = 1 AND produced > 0) AS reported,
            sum(produced) FILTER (owed = 1 AND produced > 0) AS declared
        FROM mart.provider_item WHERE period = $period AND county_code <> $city GROUP BY county_code
    )
    UNION ALL BY NAME
    SELECT 'department' AS kind, department AS unit, * EXCLUDE (department)
    FROM (
        SELECT department, sum(COLUMNS(* EXCLUDE (period, item_id, title, department, department_name, county_code, county_name, handling_days))),
            sum(least(submitted, produced)) FILTER (owed = 1 AND produced > 0) AS reported,
            sum(produced) FILTER (owed = 1 AND produced > 0) AS declared
        FROM mart.provider_item WHERE period = $period AND county_code = $city GROUP BY department
    )
)
SELECT
    units.unit_kind,
    units.kind,
    units.unit,
    units.unit_name,
    progress.collected,
    progress.quota_target,
    sums.* EXCLUDE (kind, unit)
FROM (
    SELECT unit_kind, 'county' AS kind, county_code AS unit, county_name AS unit_name FROM assess_unit WHERE unit_kind <> 'city_level'
    UNION ALL
    SELECT 'department', 'department', name.department, name.department_name
    FROM assess_department_name AS name
    SEMI JOIN (SELECT department FROM mart.provider_item WHERE period = $period AND county_code = $city) AS known USING (department)
) AS units
LEFT JOIN sums ON sums.kind = units.kind AND sums.unit = units.unit
LEFT JOIN (FROM mart.county_progress WHERE period = $period) AS progress ON units.kind = 'county' AND progress.county_code = units.unit;

DELETE FROM mart.score_part WHERE period = $period;
INSERT INTO mart.score_part BY NAME
WITH raw AS (
    SELECT unit_kind, kind, unit, unit_name, part.measure, part.numerator, part.denominator
    FROM assess_scored, LATERAL (
        SELECT unnest([
            {'measure': 'completion', 'numerator': collected::BIGINT, 'denominator': quota_target::BIGINT},
            {'measure': 'reporting', 'numerator': reported::BIGINT, 'denominator': declared::BIGINT},
            {'measure': 'valid', 'numerator': (accepted + duplicate)::BIGINT, 'denominator': (submitted - set_aside)::BIGINT},
            {'measure': 'timely', 'numerator': in_time::BIGINT, 'denominator': timed::BIGINT},
            {'measure': 'coverage', 'numerator': met::BIGINT, 'denominator': owed::BIGINT},
            {'measure': 'complete', 'numerator': fields_filled::BIGINT, 'denominator': fields_expected::BIGINT},
            {'measure': 'linking', 'numerator': linked::BIGINT, 'denominator': records::BIGINT},
            {'measure': 'handling', 'numerator': handled::BIGINT, 'denominator': to_handle::BIGINT}
        ]) AS part
    )
)
SELECT
    $period AS period,
    raw.kind,
    raw.unit,
    raw.unit_name,
    measure.position,
    raw.measure,
    measure.title,
    CASE raw.kind WHEN 'county' THEN measure.county ELSE measure.department END AS weight,
    coalesce(raw.denominator > 0, false) AS available,
    raw.numerator,
    raw.denominator,
    CASE WHEN raw.denominator > 0 THEN raw.numerator / raw.denominator END AS rate,
    CASE WHEN raw.denominator > 0 THEN
        CASE raw.kind WHEN 'county' THEN measure.county ELSE measure.department END::DOUBLE
        * least(1.0, raw.numerator / raw.denominator / measure.full_at::DOUBLE)
    END AS points
FROM raw
JOIN assess_measure AS measure USING (measure)
WHERE CASE raw.kind WHEN 'county' THEN measure.county ELSE measure.department END > 0
ORDER BY kind, unit, position;

CREATE OR REPLACE TEMP TABLE assess_total AS
WITH parts AS (
    SELECT kind, unit,
        sum(weight) FILTER (available) AS measured_weight,
        sum(points) AS points,
        string_agg(title, '、' ORDER BY position) FILTER (NOT available) AS not_measured,
        any_value(rate) FILTER (measure = 'valid') AS valid_rate
    FROM mart.score_part WHERE period = $period GROUP BY ALL
),
cases AS (
    SELECT kind, unit, coalesce(concealed, 0)::INTEGER AS concealed, coalesce(missing, 0)::INTEGER AS missing, coalesce(late, 0)::INTEGER AS late
    FROM assess_scored
),
deducted AS (
    SELECT cases.kind, cases.unit, cases.concealed, cases.missing, cases.late,
        sum(least(d.at_most::DOUBLE, d.each::DOUBLE * CASE d.id WHEN 'concealed' THEN cases.concealed ELSE cases.missing END)) AS deduction
    FROM cases CROSS JOIN assess_deduction AS d
    GROUP BY ALL
)
SELECT
    s.unit_kind, s.kind, s.unit, s.unit_name,
    parts.measured_weight::DOUBLE AS measured_weight,
    parts.points,
    deducted.* EXCLUDE (kind, unit),
    CASE WHEN parts.measured_weight > 0
        THEN round(greatest(0, parts.points * 100 / parts.measured_weight::DOUBLE - coalesce(deducted.deduction, 0)), 2) END AS score,
    parts.valid_rate,
    parts.not_measured
FROM assess_scored AS s
LEFT JOIN parts ON parts.kind = s.kind AND parts.unit = s.unit
LEFT JOIN deducted ON deducted.kind = s.kind AND deducted.unit = s.unit;

DELETE FROM mart.county_score WHERE period = $period;
INSERT INTO mart.county_score BY NAME
SELECT
    $period AS period, unit AS county_code, unit_name AS county_name, * EXCLUDE (kind, unit, unit_name),
    CASE WHEN unit_kind = 'county' AND score IS NOT NULL
        THEN dense_rank() OVER (PARTITION BY unit_kind, score IS NULL ORDER BY score DESC, valid_rate DESC NULLS LAST) END::INTEGER AS rank
FROM assess_total
WHERE kind = 'county'
ORDER BY county_code;

DELETE FROM mart.department_score WHERE period = $period;
INSERT INTO mart.department_score BY NAME
SELECT
    $period AS period, unit AS department, unit_name AS department_name, * EXCLUDE (kind, unit, unit_name, unit_kind),
    CASE WHEN score IS NOT NULL
        THEN dense_rank() OVER (PARTITION BY score IS NULL ORDER BY score DESC, valid_rate DESC NULLS LAST) END::INTEGER AS rank
FROM assess_total
WHERE kind = 'department'
ORDER BY department;
