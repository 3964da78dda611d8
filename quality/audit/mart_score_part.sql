-- 得分各项的分子、分母由报送单位各数重算
WITH sums AS (
    SELECT period, 'county' AS kind, county_code AS unit, sum(accepted + duplicate) AS valid, sum(submitted - set_aside) AS judged,
        sum(in_time) AS in_time, sum(timed) AS timed, sum(met) AS met, sum(owed) AS owed, sum(fields_filled) AS filled,
        sum(fields_expected) AS expected, sum(linked) AS linked, sum(records) AS records, sum(handled) AS handled, sum(to_handle) AS to_handle,
        sum(least(submitted, produced)) FILTER (owed = 1 AND produced > 0) AS reported, sum(produced) FILTER (owed = 1 AND produced > 0) AS declared
    FROM mart.provider_item WHERE county_code <> '130500' GROUP BY ALL
    UNION ALL
    SELECT period, 'department', department, sum(accepted + duplicate), sum(submitted - set_aside), sum(in_time), sum(timed), sum(met), sum(owed),
        sum(fields_filled), sum(fields_expected), sum(linked), sum(records), sum(handled), sum(to_handle),
        sum(least(submitted, produced)) FILTER (owed = 1 AND produced > 0), sum(produced) FILTER (owed = 1 AND produced > 0)
    FROM mart.provider_item WHERE county_code = '130500' GROUP BY ALL
),
checked AS (
    SELECT part.*,
        CASE measure WHEN 'completion' THEN county.collected WHEN 'reporting' THEN reported WHEN 'valid' THEN valid WHEN 'timely' THEN sums.in_time
            WHEN 'coverage' THEN met WHEN 'complete' THEN filled WHEN 'linking' THEN sums.linked WHEN 'handling' THEN sums.handled END AS true_numerator,
        CASE measure WHEN 'completion' THEN county.quota_target WHEN 'reporting' THEN declared WHEN 'valid' THEN judged WHEN 'timely' THEN sums.timed
            WHEN 'coverage' THEN owed WHEN 'complete' THEN expected WHEN 'linking' THEN sums.records WHEN 'handling' THEN sums.to_handle END AS true_denominator
    FROM mart.score_part AS part
    LEFT JOIN sums ON sums.period = part.period AND sums.kind = part.kind AND sums.unit = part.unit
    LEFT JOIN mart.county_progress AS county ON part.kind = 'county' AND county.period = part.period AND county.county_code = part.unit
)
SELECT period, kind, unit, measure, numerator, true_numerator, denominator, true_denominator
FROM checked
WHERE numerator IS DISTINCT FROM true_numerator OR denominator IS DISTINCT FROM true_denominator
    OR available IS DISTINCT FROM coalesce(true_denominator > 0, false)
    OR (available AND (abs(rate - true_numerator / true_denominator) > 1e-12 OR points > weight + 1e-9 OR points < 0))
