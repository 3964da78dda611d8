-- What a person has to look at before the bulletin goes out. Nothing is corrected here.
DELETE FROM mart.review_flag WHERE period = $period;
INSERT INTO mart.review_flag BY NAME
WITH lines AS (FROM assess_line),
per_item AS (
    SELECT county_code, NULL::VARCHAR AS department, NULL::VARCHAR AS department_name, item_id, sum(collected_in_period)::BIGINT AS n
    FROM mart.county_item
    WHERE period = $period AND county_code <> $city
    GROUP BY county_code, item_id
    UNION ALL
    SELECT county_code, department, department_name, item_id, new
    FROM mart.provider_item WHERE period = $period AND county_code = $city
),
new_items AS (
    SELECT per_item.*, unit.county_name,
        (sum(n) OVER unit_items)::BIGINT AS total,
        count(*) OVER unit_items AS items
    FROM per_item LEFT JOIN assess_unit AS unit USING (county_code)
    WINDOW unit_items AS (PARTITION BY per_item.county_code, department)
),
concentrated AS (
    SELECT 'concentration' AS flag, county_code, county_name, department, department_name, item_id, n AS rows, total AS of_rows,
        n / total AS value, lines.concentration AS line
    FROM new_items, lines
    WHERE total >= least_rows AND items > 1 AND n / total > lines.concentration
),
jumped AS (
    SELECT 'jump', now.unit, now.unit_name, NULL, NULL, NULL, now.collected, before.collected, now.collected / before.collected, lines.jump
    FROM mart.volume AS now
    JOIN mart.volume AS before USING (period, kind, unit), lines
    WHERE period = $period AND kind = 'county' AND unit <> $city AND now.span = 'month' AND before.span = 'previous'
        AND before.collected > 0 AND now.collected >= least_rows AND now.collected / before.collected > lines.jump
    UNION ALL
    SELECT 'jump', $city, $city_level, now.unit, now.unit_name, NULL, now.new, before.new, now.new / before.new, lines.jump
    FROM mart.volume AS now
    JOIN mart.volume AS before USING (period, kind, unit), lines
    WHERE period = $period AND kind = 'department' AND now.span = 'month' AND before.span = 'previous'
        AND before.new > 0 AND now.new >= least_rows AND now.new / before.new > lines.jump
),
summed AS (
    SELECT pattern.flag, coalesce(division.unit, $city) AS county_code, batch.department, pattern.item_id,
        sum(pattern.rows)::BIGINT AS rows, sum(pattern.of_rows)::BIGINT AS of_rows,
        min({'file': batch.source_file, 'line': pattern.row_number}) AS example
    FROM assess_pattern AS pattern
    JOIN ops.batch AS batch USING (batch_id)
    LEFT JOIN assess_division AS division ON division.division = batch.division
    GROUP BY ALL
),
looked_at AS (
    SELECT flag, summed.county_code, unit.county_name, summed.department, name.department_name, item_id, rows, of_rows, rows / of_rows AS value,
        CASE flag WHEN 'renewed' THEN lines.renewed WHEN 'constant' THEN lines.constant WHEN 'sequential' THEN lines.sequential ELSE 0 END AS line,
        example
    FROM summed
    LEFT JOIN assess_unit AS unit ON unit.county_code = summed.county_code
    LEFT JOIN assess_department_name AS name ON name.department = summed.department
    CROSS JOIN lines
    WHERE flag IN ('test_name', 'before_founding') OR (of_rows >= lines.least_rows AND rows / of_rows > CASE flag WHEN 'renewed' THEN lines.renewed WHEN 'constant' THEN lines.constant ELSE lines.sequential END)
),
every AS (
    SELECT *, NULL AS source_file, NULL AS row_number FROM concentrated
    UNION ALL SELECT *, NULL, NULL FROM jumped
    UNION ALL SELECT * EXCLUDE (example), example.file, example.line FROM looked_at
)
SELECT
    $period AS period, flag, county_code, county_name, every.department, every.department_name, every.item_id, item.title, rows, of_rows, value,
    line::DOUBLE AS line, source_file, row_number,
    CASE flag
        WHEN 'concentration' THEN format('本期新增{:,}条中，“{}”占{:,}条（{:.1f}%），超过{:.0f}%', of_rows, item.title, rows, value * 100, line * 100)
        WHEN 'jump' THEN format('本期新增{:,}条，上期{:,}条，为上期的{:.1f}倍，超过{:.0f}倍', rows, of_rows, value, line)
        WHEN 'renewed' THEN format('新增{:,}条中{:,}条除关键项外与已有记录内容相同（{:.1f}%），疑为换号重报', of_rows, rows, value * 100)
        WHEN 'constant' THEN format('{:,}条中{:,}条的主体名称是同一个值（{:.1f}%），疑为填充', of_rows, rows, value * 100)
        WHEN 'sequential' THEN format('{:,}条中{:,}条的主体名称依次编号（{:.1f}%），疑为填充', of_rows, rows, value * 100)
        WHEN 'before_founding' THEN format('{:,}条的日期早于对象的成立日期，请核对日期与代码；改制、换照的不算差错', rows)
        ELSE format('{:,}条疑似测试数据', rows)
    END AS message
FROM every
LEFT JOIN assess_all_items AS item USING (item_id)
ORDER BY county_code, every.department, flag, every.item_id;
