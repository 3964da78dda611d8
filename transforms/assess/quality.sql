-- What the rows of the period's batches show, and from it the base of all measures: one row per item and provider.
CREATE OR REPLACE TEMP TABLE assess_shown AS
SELECT
    batch.item_id,
    batch.department,
    coalesce(division.unit, $city) AS county_code,
    sum(filled.expected)::BIGINT AS fields_expected,
    sum(filled.filled)::BIGINT AS fields_filled,
    sum(filled.records)::BIGINT AS records,
    sum(filled.linked)::BIGINT AS linked,
    sum(timed.timed)::BIGINT AS timed,
    sum(timed.in_time)::BIGINT AS in_time
FROM ops.batch AS batch
LEFT JOIN assess_division AS division ON division.division = batch.division
LEFT JOIN assess_filled AS filled ON filled.batch_id = batch.batch_id
LEFT JOIN assess_timed AS timed ON timed.batch_id = batch.batch_id
WHERE batch.period = $period
GROUP BY ALL;

DELETE FROM mart.provider_item WHERE period = $period;
INSERT INTO mart.provider_item BY NAME
SELECT
    $period AS period,
    o.item_id,
    o.title,
    o.department,
    o.department_name,
    o.county_code,
    coalesce(o.county_name, o.county_code) AS county_name,
    coalesce(d.batches, 0) AS batches,
    coalesce(d.submitted, 0) AS submitted,
    coalesce(d.accepted, 0) AS accepted,
    coalesce(d.new, 0) AS new,
    coalesce(d.updated, 0) AS updated,
    coalesce(d.duplicate, 0) AS duplicate,
    coalesce(d.questioned, 0) AS questioned,
    coalesce(d.set_aside, 0) AS set_aside,
    coalesce(s.fields_expected, 0) AS fields_expected,
    coalesce(s.fields_filled, 0) AS fields_filled,
    coalesce(s.records, 0) AS records,
    coalesce(s.linked, 0) AS linked,
    coalesce(s.timed, 0) AS timed,
    coalesce(s.in_time, 0) AS in_time,
    (o.due_on IS NOT NULL)::INTEGER AS owed,
    (o.due_on IS NOT NULL AND o.state <> 'missing')::INTEGER AS met,
    (o.due_on IS NOT NULL AND o.state <> 'missing' AND NOT o.on_time)::INTEGER AS late,
    -- What somebody says it produced and did not send is concealed, not merely missing: one fault is not punished twice.
    (o.state = 'missing' AND coalesce(o.produced, 0) = 0)::INTEGER AS missing,
    -- A period that is still running conceals nothing: what a quarterly item produced is owed at the quarter's end.
    (o.due_on IS NOT NULL AND coalesce(o.produced, 0) > coalesce(d.submitted, 0))::INTEGER AS concealed,
    CASE WHEN o.due_on IS NULL THEN 0 ELSE greatest(coalesce(o.produced, 0) - coalesce(d.submitted, 0), 0) END AS concealed_records,
    o.produced,
    h.to_handle,
    h.handled,
    h.handling_days
FROM (FROM mart.obligation ANTI JOIN ref.apart USING (item_id) WHERE period = $period) AS o
LEFT JOIN assess_delivery AS d ON d.item_id = o.item_id AND d.department = o.department AND d.county_code = o.county_code
LEFT JOIN assess_shown AS s ON s.item_id = o.item_id AND s.department = o.department AND s.county_code = o.county_code
LEFT JOIN assess_handled AS h ON h.item_id = o.item_id AND h.department = o.department AND h.county_code = o.county_code
ORDER BY o.item_id, o.county_code, o.department;

-- Volumes by span, the figures before recomputed under the layout of this period's end: units are compared with themselves.
DELETE FROM mart.volume WHERE period = $period;
INSERT INTO mart.volume BY NAME
WITH reported AS (
    SELECT
        coalesce(place.unit, $city) AS county_code,
        batch.department,
        span.span,
        sum(rows_read - rows_ignored)::BIGINT AS submitted,
        sum(rows_new)::BIGINT AS new,
        sum(rows_updated)::BIGINT AS updated,
        sum(rows_duplicate)::BIGINT AS duplicate,
        sum(rows_quarantined - rows_set_aside)::BIGINT AS questioned,
        sum(rows_set_aside)::BIGINT AS set_aside
    FROM (FROM ops.batch ANTI JOIN ref.apart USING (item_id)) AS batch
    JOIN assess_span AS span ON batch.period BETWEEN span.first AND span.last
    LEFT JOIN assess_earlier_division AS place ON place.division = batch.division
    GROUP BY ALL
),
units AS (
    SELECT 'county' AS kind, county_code AS unit, county_name AS unit_name FROM assess_unit
    UNION ALL SELECT 'department', department, department_name FROM assess_department_name
    UNION ALL SELECT 'city', $city, '全市'
),
summed AS (
    SELECT 'county' AS kind, county_code AS unit, span, COLUMNS(['submitted', 'new', 'updated', 'duplicate', 'questioned', 'set_aside'])
    FROM reported
    UNION ALL
    SELECT 'department', department, span, COLUMNS(['submitted', 'new', 'updated', 'duplicate', 'questioned', 'set_aside'])
    FROM reported WHERE county_code = $city
    UNION ALL
    SELECT 'city', $city, span, COLUMNS(['submitted', 'new', 'updated', 'duplicate', 'questioned', 'set_aside'])
    FROM reported
),
collected AS (
    SELECT place.unit, span.span,
        sum(CASE span.span
            WHEN 'month' THEN raw.collected_in_period
            WHEN 'previous' THEN raw.collected_in_previous
            WHEN 'year' THEN raw.collected_in_year
            WHEN 'last_year_month' THEN raw.collected_in_last_year_month
            WHEN 'recent' THEN raw.collected_recently
            ELSE raw.collected_in_last_year END)::BIGINT AS collected
    FROM assess_raw AS raw
    JOIN assess_place AS place USING (county_code, division_code), assess_span AS span
    GROUP BY ALL
),
placed AS (
    SELECT 'county' AS kind, unit, span, collected FROM collected
    UNION ALL
    SELECT 'city', $city, span, sum(collected)::BIGINT FROM collected GROUP BY span
)
SELECT
    $period AS period,
    units.kind,
    units.unit,
    units.unit_name,
    span.span,
    span.first AS first_period,
    span.last AS last_period,
    any_value(CASE WHEN units.kind <> 'department' THEN coalesce(placed.collected, 0) END) AS collected,
    coalesce(sum(summed.submitted), 0)::BIGINT AS submitted,
    coalesce(sum(summed.new), 0)::BIGINT AS new,
    coalesce(sum(summed.updated), 0)::BIGINT AS updated,
    coalesce(sum(summed.duplicate), 0)::BIGINT AS duplicate,
    coalesce(sum(summed.questioned), 0)::BIGINT AS questioned,
    coalesce(sum(summed.set_aside), 0)::BIGINT AS set_aside,
    any_value(break.note) AS break_note
FROM units
CROSS JOIN assess_span AS span
LEFT JOIN summed ON summed.kind = units.kind AND summed.unit = units.unit AND summed.span = span.span
LEFT JOIN placed ON placed.kind = units.kind AND placed.unit = units.unit AND placed.span = span.span
LEFT JOIN assess_break AS break ON units.kind = 'county' AND break.unit = units.unit AND break.span = span.span
GROUP BY ALL
ORDER BY kind, unit, span;

-- At the rate of the last three months: when each target is reached, and which of the two comes later.
DELETE FROM mart.forecast WHERE period = $period;
INSERT INTO mart.forecast BY NAME
WITH paced AS (
    SELECT county.*, volume.collected / 3 AS monthly_rate
    FROM mart.county_progress AS county
    JOIN mart.volume AS volume ON volume.period = county.period AND volume.kind = 'county' AND volume.unit = county.county_code AND volume.span = 'recent'
    WHERE county.period = $period AND county.unit_kind <> 'city_level'
),
months AS (
    SELECT *,
        CASE WHEN floor_target IS NULL THEN NULL WHEN collected >= floor_target THEN 0 WHEN monthly_rate > 0 THEN ceil((floor_target - collected) / monthly_rate) END AS floor_months,
        CASE WHEN quota_target IS NULL THEN NULL WHEN collected >= quota_target THEN 0 WHEN monthly_rate > 0 THEN ceil((quota_target - collected) / monthly_rate) END AS quota_months
    FROM paced
)
SELECT
    period, county_code, county_name, unit_kind, collected, monthly_rate,
    floor_target, floor_months::BIGINT AS floor_months,
    CASE WHEN floor_months <= 1200 THEN strftime((period || '-01')::DATE + to_months(floor_months::INTEGER), '%Y-%m') END AS floor_reached,
    quota_target, quota_months::BIGINT AS quota_months,
    CASE WHEN quota_months <= 1200 THEN strftime((period || '-01')::DATE + to_months(quota_months::INTEGER), '%Y-%m') END AS quota_reached,
    CASE
        WHEN floor_target IS NULL AND quota_target IS NULL THEN NULL
        WHEN floor_target IS NULL THEN 'quota'
        WHEN quota_target IS NULL THEN 'floor'
        WHEN floor_target > quota_target THEN 'floor'
        WHEN quota_target > floor_target THEN 'quota'
        ELSE 'both'
    END AS binding
FROM months
ORDER BY county_code;
