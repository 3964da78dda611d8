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
measured AS (
    SELECT
        unit.*,
        coalesce(collected, 0) AS collected,
        coalesce(collected_in_period, 0) AS collected_in_period,
        coalesce(collected, 0) - coalesce(collected_in_period, 0) AS collected_before,
        coalesce(collected_in_previous, 0) AS collected_in_previous,
        coalesce(items, 0) AS items,
        coalesce(unplaced, 0) AS unplaced,
        coalesce(collected, 0) / unit.floor_target AS floor_rate,
        coalesce(collected, 0) / unit.quota_target AS quota_rate
    FROM assess_unit AS unit
    LEFT JOIN counted USING (county_code)
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

CREATE OR REPLACE TEMP TABLE assess_submitted AS
SELECT
    item_id,
    min(department) AS department,
    count(*)::INTEGER AS batches,
    min(coalesce(try_strptime(regexp_extract(delivery, '^(\d{8})-', 1), '%Y%m%d'), received_at))::DATE AS delivered_on,
    sum(rows_read - rows_ignored)::BIGINT AS submitted,
    sum(rows_accepted)::BIGINT AS accepted,
    sum(rows_new)::BIGINT AS new,
    sum(rows_updated)::BIGINT AS updated,
    sum(rows_duplicate)::BIGINT AS duplicate,
    sum(rows_quarantined - rows_set_aside)::BIGINT AS questioned,
    sum(rows_set_aside)::BIGINT AS set_aside
FROM ops.batch
WHERE period = $period
GROUP BY item_id;

-- An item that has left the catalog keeps its records and therefore its row.
CREATE OR REPLACE TEMP TABLE assess_all_items AS
SELECT * FROM assess_item
UNION ALL BY NAME
SELECT
    gone.item_id, gone.item_id AS title, coalesce(min(gone.department), 'unknown') AS department, false AS owed
FROM (
    SELECT item_id, department FROM assess_submitted
    UNION ALL
    SELECT item_id, NULL FROM assess_raw
) AS gone
WHERE gone.item_id NOT IN (SELECT item_id FROM assess_item)
GROUP BY gone.item_id;

DELETE FROM mart.item_progress WHERE period = $period;
INSERT INTO mart.item_progress BY NAME
WITH counted AS (
    SELECT item_id, sum(collected)::BIGINT AS collected, sum(linked)::BIGINT AS linked
    FROM assess_raw
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
    CASE
        WHEN s.submitted > 0 THEN 'delivered'
        WHEN s.batches > 0 THEN 'zero'
        WHEN item.owed THEN 'missing'
        ELSE 'not_due'
    END AS status
FROM assess_all_items AS item
LEFT JOIN assess_department AS department ON department.department = item.department
LEFT JOIN assess_submitted AS s ON s.item_id = item.item_id
LEFT JOIN counted ON counted.item_id = item.item_id
ORDER BY item.item_id;

DELETE FROM mart.department_progress WHERE period = $period;
INSERT INTO mart.department_progress BY NAME
WITH department AS (
    SELECT department, department_name FROM assess_department
    UNION
    SELECT department, department FROM assess_all_items
    WHERE department NOT IN (SELECT department FROM assess_department)
)
SELECT
    $period AS period,
    department.department,
    department.department_name,
    coalesce(sum(p.submitted), 0)::BIGINT AS submitted,
    coalesce(sum(p.accepted), 0)::BIGINT AS accepted,
    coalesce(sum(p.new), 0)::BIGINT AS new,
    coalesce(sum(p.updated), 0)::BIGINT AS updated,
    coalesce(sum(p.duplicate), 0)::BIGINT AS duplicate,
    coalesce(sum(p.questioned), 0)::BIGINT AS questioned,
    coalesce(sum(p.set_aside), 0)::BIGINT AS set_aside,
    (sum(p.accepted) + sum(p.duplicate)) / nullif(sum(p.submitted) - sum(p.set_aside), 0) AS valid_rate,
    coalesce(sum(p.collected), 0)::BIGINT AS collected,
    count(p.item_id)::INTEGER AS items,
    (count(*) FILTER (item.owed))::INTEGER AS items_owed,
    (count(*) FILTER (item.owed AND p.batches > 0))::INTEGER AS items_delivered,
    coalesce(bool_or(item.owed), false) AND coalesce(sum(p.submitted), 0) = 0 AS is_zero
FROM department
LEFT JOIN assess_all_items AS item ON item.department = department.department
LEFT JOIN mart.item_progress AS p ON p.item_id = item.item_id AND p.period = $period
GROUP BY ALL
ORDER BY department.department;

DELETE FROM mart.timeliness WHERE period = $period;
INSERT INTO mart.timeliness BY NAME
SELECT
    $period AS period,
    p.item_id,
    p.department,
    item.due_date,
    s.delivered_on,
    CASE WHEN p.status <> 'not_due' THEN coalesce(s.delivered_on <= item.due_date, false) END AS on_time,
    p.status
FROM mart.item_progress AS p
JOIN assess_item AS item USING (item_id)
LEFT JOIN assess_submitted AS s USING (item_id)
WHERE p.period = $period AND (item.owed OR s.batches > 0)
ORDER BY p.item_id;

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
    SELECT sum(items_owed)::INTEGER AS items_owed, sum(items_delivered)::INTEGER AS items_delivered
    FROM mart.department_progress
    WHERE period = $period
)
SELECT $period AS period, counties.*, collected / target AS rate, items.*, owed.*, assess_city.*
FROM counties, items, owed, assess_city;
