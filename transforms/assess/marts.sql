-- Fills the marts of one period from assess_raw (the ledger, counted), ops.batch and the catalog's temporary tables.
DELETE FROM mart.county_item WHERE period = $period;
INSERT INTO mart.county_item BY NAME
SELECT
    $period AS period,
    place.unit AS county_code,
    raw.item_id,
    coalesce(place.rule, raw.county_rule) AS county_rule,
    sum(raw.collected)::BIGINT AS collected,
    sum(raw.collected_in_period)::BIGINT AS collected_in_period,
    sum(raw.collected_in_previous)::BIGINT AS collected_in_previous,
    sum(raw.linked)::BIGINT AS linked
FROM assess_raw AS raw
JOIN assess_place AS place USING (county_code, division_code)
GROUP BY ALL
ORDER BY county_code, item_id, county_rule;

-- What came from whom: a delivery without a place in its name is the city's.
CREATE OR REPLACE TEMP TABLE assess_delivery AS
SELECT
    batch.item_id,
    batch.department,
    coalesce(division.unit, $city) AS county_code,
    count(*)::INTEGER AS batches,
    min(xt_delivered_on(delivery, received_at)) AS delivered_on,
    sum(rows_read - rows_ignored)::BIGINT AS submitted,
    sum(rows_accepted)::BIGINT AS accepted,
    sum(rows_new)::BIGINT AS new,
    sum(rows_updated)::BIGINT AS updated,
    sum(rows_duplicate)::BIGINT AS duplicate,
    sum(rows_quarantined - rows_set_aside)::BIGINT AS questioned,
    sum(rows_set_aside)::BIGINT AS set_aside
FROM ops.batch AS batch
LEFT JOIN assess_division AS division ON division.division = batch.division
WHERE period = $period
GROUP BY ALL;

-- An item that has left the catalog keeps its records and therefore its row.
CREATE OR REPLACE TEMP TABLE assess_all_items AS
SELECT * FROM assess_item
UNION ALL BY NAME
SELECT gone.item_id, gone.item_id AS title, coalesce(min(gone.department), 'unknown') AS department
FROM (
    SELECT item_id, department FROM assess_delivery
    UNION ALL
    SELECT item_id, department FROM assess_raw
) AS gone
WHERE gone.item_id NOT IN (SELECT item_id FROM assess_item) AND gone.item_id NOT IN (FROM ref.apart)
GROUP BY gone.item_id;

CREATE OR REPLACE TEMP TABLE assess_department_name AS
SELECT department, department_name FROM assess_department
UNION ALL
SELECT DISTINCT department, department
FROM (
    SELECT department FROM assess_all_items
    UNION ALL
    SELECT department FROM assess_delivery
    UNION ALL
    SELECT department FROM assess_raw
)
WHERE department IS NOT NULL AND department NOT IN (SELECT department FROM assess_department);

DELETE FROM mart.obligation WHERE period = $period;
INSERT INTO mart.obligation BY NAME
WITH declared AS (
    SELECT item_id, department, coalesce(division.unit, $city) AS county_code,
        sum(produced)::BIGINT AS produced, CASE WHEN sum(produced) = 0 THEN min(declared_on) END AS zero_on
    FROM ops.declaration AS declaration
    LEFT JOIN assess_division AS division ON division.division = declaration.division
    WHERE period = $period
    GROUP BY ALL
),
known AS (
    SELECT * FROM assess_obligation
    UNION ALL BY NAME
    -- What nobody had to deliver, or not yet, is shown where it came.
    SELECT item_id, department, county_code, 'none' AS role, false AS owed
    FROM (SELECT item_id, department, county_code FROM assess_delivery UNION SELECT item_id, department, county_code FROM declared)
    ANTI JOIN assess_obligation USING (item_id, department, county_code)
)
SELECT
    $period AS period,
    known.item_id,
    coalesce(item.title, known.item_id) AS title,
    known.department,
    coalesce(department.department_name, known.department) AS department_name,
    known.county_code,
    unit.county_name,
    known.role,
    known.since,
    known.reason,
    CASE
        WHEN d.submitted > 0 THEN 'delivered'
        WHEN declared.produced = 0 THEN 'zero'
        WHEN known.owed THEN 'missing'
        ELSE 'not_due'
    END AS state,
    CASE WHEN known.owed THEN known.due_on END AS due_on,
    coalesce(d.delivered_on, declared.zero_on) AS delivered_on,
    CASE WHEN known.owed THEN coalesce(coalesce(d.delivered_on, declared.zero_on) <= known.due_on, false) END AS on_time,
    coalesce(d.batches, 0) AS batches,
    coalesce(d.submitted, 0) AS submitted,
    coalesce(d.new, 0) + coalesce(d.updated, 0) AS accepted,
    declared.produced
FROM known
LEFT JOIN assess_all_items AS item USING (item_id)
LEFT JOIN assess_department_name AS department ON department.department = known.department
LEFT JOIN assess_unit AS unit ON unit.county_code = known.county_code
LEFT JOIN assess_delivery AS d
    ON d.item_id = known.item_id AND d.department = known.department AND d.county_code = known.county_code
LEFT JOIN declared
    ON declared.item_id = known.item_id AND declared.department = known.department AND declared.county_code = known.county_code
ORDER BY known.item_id, known.county_code, known.department;

DELETE FROM mart.county_progress WHERE period = $period;
INSERT INTO mart.county_progress BY NAME
WITH counted AS (
    SELECT
        county_code,
        sum(collected)::BIGINT AS collected,
        sum(collected_in_period)::BIGINT AS collected_in_period,
        sum(collected_in_previous)::BIGINT AS collected_in_previous,
        count(DISTINCT item_id)::INTEGER AS items,
        sum(collected) FILTER (county_rule IN ('split_unit', 'unknown_division'))::BIGINT AS unplaced
    FROM mart.county_item
    WHERE period = $period
    GROUP BY county_code
),
owed AS (
    SELECT
        county_code,
        (count(*) FILTER (due_on IS NOT NULL))::INTEGER AS obligations_owed,
        (count(*) FILTER (due_on IS NOT NULL AND state <> 'missing'))::INTEGER AS obligations_met
    FROM mart.obligation ANTI JOIN ref.apart USING (item_id)
    WHERE period = $period
    GROUP BY county_code
),
measured AS (
    SELECT
        unit.*,
        coalesce(collected, 0) AS collected,
        coalesce(collected_in_period, 0) AS collected_in_period,
        coalesce(collected, 0) - coalesce(collected_in_period, 0) AS collected_before,
        coalesce(collected_in_previous, 0) AS collected_in_previous,
        coalesce(items, 0) AS items,
        coalesce(unplaced, 0) AS unplaced,
        coalesce(obligations_owed, 0) AS obligations_owed,
        coalesce(obligations_met, 0) AS obligations_met,
        coalesce(collected, 0) / unit.floor_target AS floor_rate,
        coalesce(collected, 0) / unit.quota_target AS quota_rate
    FROM assess_unit AS unit
    LEFT JOIN counted USING (county_code)
    LEFT JOIN owed USING (county_code)
)
SELECT
    $period AS period,
    *,
    CASE
        WHEN unit_kind = 'county' AND quota_target IS NOT NULL
            THEN dense_rank() OVER (PARTITION BY unit_kind, quota_target IS NULL ORDER BY quota_rate DESC)
    END::INTEGER AS rank
FROM measured
ORDER BY county_code;

DELETE FROM mart.item_progress WHERE period = $period;
INSERT INTO mart.item_progress BY NAME
WITH counted AS (
    SELECT item_id, sum(collected)::BIGINT AS collected, sum(linked)::BIGINT AS linked
    FROM assess_raw
    GROUP BY item_id
),
delivered AS (
    SELECT item_id, sum(batches)::INTEGER AS batches, sum(submitted)::BIGINT AS submitted, sum(accepted)::BIGINT AS accepted,
        sum(new)::BIGINT AS new, sum(updated)::BIGINT AS updated, sum(duplicate)::BIGINT AS duplicate,
        sum(questioned)::BIGINT AS questioned, sum(set_aside)::BIGINT AS set_aside
    FROM assess_delivery
    GROUP BY item_id
),
owed AS (
    SELECT item_id,
        (count(*) FILTER (due_on IS NOT NULL))::INTEGER AS providers_owed,
        (count(*) FILTER (due_on IS NOT NULL AND state <> 'missing'))::INTEGER AS providers_met,
        CASE
            WHEN bool_or(state = 'delivered') THEN 'delivered'
            WHEN bool_or(state = 'missing') THEN 'missing'
            WHEN bool_or(state = 'zero') THEN 'zero'
            ELSE 'not_due'
        END AS status
    FROM mart.obligation
    WHERE period = $period
    GROUP BY item_id
)
SELECT
    $period AS period,
    item.item_id,
    item.title,
    item.department,
    coalesce(department.department_name, item.department) AS department_name,
    item.library,
    coalesce(s.batches, 0) AS batches,
    coalesce(s.submitted, 0) AS submitted,
    coalesce(s.accepted, 0) AS accepted,
    coalesce(s.new, 0) AS new,
    coalesce(s.updated, 0) AS updated,
    coalesce(s.duplicate, 0) AS duplicate,
    coalesce(s.questioned, 0) AS questioned,
    coalesce(s.set_aside, 0) AS set_aside,
    (s.accepted + s.duplicate) / nullif(s.submitted - s.set_aside, 0) AS valid_rate,
    coalesce(counted.collected, 0) AS collected,
    coalesce(counted.linked, 0) AS linked,
    counted.linked / nullif(counted.collected, 0) AS linking_rate,
    coalesce(owed.providers_owed, 0) AS providers_owed,
    coalesce(owed.providers_met, 0) AS providers_met,
    coalesce(owed.status, 'not_due') AS status
FROM assess_all_items AS item
LEFT JOIN assess_department_name AS department ON department.department = item.department
LEFT JOIN delivered AS s ON s.item_id = item.item_id
LEFT JOIN counted ON counted.item_id = item.item_id
LEFT JOIN owed ON owed.item_id = item.item_id
ORDER BY item.item_id;

DELETE FROM mart.department_progress WHERE period = $period;
INSERT INTO mart.department_progress BY NAME
WITH delivered AS (
    SELECT department, sum(submitted)::BIGINT AS submitted, sum(accepted)::BIGINT AS accepted, sum(new)::BIGINT AS new,
        sum(updated)::BIGINT AS updated, sum(duplicate)::BIGINT AS duplicate, sum(questioned)::BIGINT AS questioned,
        sum(set_aside)::BIGINT AS set_aside
    FROM assess_delivery ANTI JOIN ref.apart USING (item_id)
    GROUP BY department
),
counted AS (
    -- A record's provider is that of its current version.
    SELECT coalesce(raw.department, item.department) AS department, sum(raw.collected)::BIGINT AS collected
    FROM assess_raw AS raw
    JOIN assess_all_items AS item ON item.item_id = raw.item_id
    GROUP BY ALL
),
owed AS (
    SELECT department,
        count(*)::INTEGER AS items,
        (count(*) FILTER (role <> 'none' AND due_on IS NOT NULL))::INTEGER AS items_owed,
        (count(*) FILTER (due_on IS NOT NULL AND state IN ('delivered', 'zero')))::INTEGER AS items_delivered
    FROM mart.obligation ANTI JOIN ref.apart USING (item_id)
    WHERE period = $period AND county_code = $city
    GROUP BY department
)
SELECT
    $period AS period,
    name.department,
    name.department_name,
    coalesce(s.submitted, 0) AS submitted,
    coalesce(s.accepted, 0) AS accepted,
    coalesce(s.new, 0) AS new,
    coalesce(s.updated, 0) AS updated,
    coalesce(s.duplicate, 0) AS duplicate,
    coalesce(s.questioned, 0) AS questioned,
    coalesce(s.set_aside, 0) AS set_aside,
    (s.accepted + s.duplicate) / nullif(s.submitted - s.set_aside, 0) AS valid_rate,
    coalesce(counted.collected, 0) AS collected,
    coalesce(owed.items, 0) AS items,
    coalesce(owed.items_owed, 0) AS items_owed,
    coalesce(owed.items_delivered, 0) AS items_delivered,
    coalesce(owed.items_owed, 0) > 0 AND owed.items_delivered = 0 AS is_zero
FROM assess_department_name AS name
LEFT JOIN delivered AS s ON s.department = name.department
LEFT JOIN counted ON counted.department = name.department
LEFT JOIN owed ON owed.department = name.department
ORDER BY name.department;

DELETE FROM mart.timeliness WHERE period = $period;
INSERT INTO mart.timeliness BY NAME
SELECT period, item_id, department, county_code, due_on AS due_date, delivered_on, on_time, state AS status
FROM mart.obligation
WHERE period = $period AND state <> 'not_due'
ORDER BY item_id, county_code, department;

DELETE FROM mart.city_progress WHERE period = $period;
INSERT INTO mart.city_progress BY NAME
WITH counties AS (
    SELECT
        sum(collected)::BIGINT AS collected,
        sum(collected_in_period)::BIGINT AS collected_in_period,
        sum(collected_before)::BIGINT AS collected_before,
        sum(collected_in_previous)::BIGINT AS collected_in_previous,
        sum(floor_target)::BIGINT AS floor_total,
        (count(*) FILTER (unit_kind = 'county'))::INTEGER AS counties
    FROM mart.county_progress
    WHERE period = $period
),
items AS (
    SELECT
        sum(submitted)::BIGINT AS submitted,
        sum(accepted)::BIGINT AS accepted,
        sum(new)::BIGINT AS new,
        sum(updated)::BIGINT AS updated,
        sum(duplicate)::BIGINT AS duplicate,
        sum(questioned)::BIGINT AS questioned,
        sum(set_aside)::BIGINT AS set_aside,
        (sum(accepted) + sum(duplicate)) / nullif(sum(submitted) - sum(set_aside), 0) AS valid_rate,
        sum(linked)::BIGINT AS linked
    FROM mart.item_progress
    WHERE period = $period
),
owed AS (
    SELECT
        (count(*) FILTER (providers_owed > 0))::INTEGER AS items_owed,
        (count(*) FILTER (providers_owed > 0 AND providers_met > 0))::INTEGER AS items_delivered,
        sum(providers_owed)::INTEGER AS obligations_owed,
        sum(providers_met)::INTEGER AS obligations_met
    FROM mart.item_progress
    WHERE period = $period
)
SELECT $period AS period, counties.*, collected / target AS rate, items.*, owed.*, assess_city.*
FROM counties, items, owed, assess_city;
