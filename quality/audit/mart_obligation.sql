-- 报送责任：每期每项目录每个单位一行，状态与批次、月报表一致；有批次或申报的都在其中
WITH obligation AS (FROM mart.obligation WHERE period IN (SELECT period FROM audit_month WHERE obligations_too)),
batches AS (
    SELECT period, item_id, department, sum(rows_read - rows_ignored) AS submitted
    FROM ops.batch WHERE period IN (SELECT period FROM audit_month WHERE obligations_too) GROUP BY ALL
),
declared AS (
    SELECT period, item_id, department, sum(produced) AS produced
    FROM ops.declaration WHERE period IN (SELECT period FROM audit_month WHERE obligations_too) GROUP BY ALL
)
SELECT period, item_id, department, county_code, '重复' AS fault
FROM mart.obligation GROUP BY ALL HAVING count(*) > 1
UNION ALL
SELECT period, item_id, department, county_code, '状态与上报量、申报、期限不符'
FROM obligation
WHERE state IS DISTINCT FROM CASE WHEN submitted > 0 THEN 'delivered' WHEN produced = 0 THEN 'zero' WHEN due_on IS NOT NULL THEN 'missing' ELSE 'not_due' END
UNION ALL
SELECT coalesce(o.period, b.period), coalesce(o.item_id, b.item_id), coalesce(o.department, b.department), NULL, '上报量与批次不符'
FROM (SELECT period, item_id, department, sum(submitted) AS submitted FROM obligation GROUP BY ALL HAVING sum(batches) > 0) o
FULL JOIN batches b USING (period, item_id, department)
WHERE o.submitted IS DISTINCT FROM b.submitted
UNION ALL
SELECT coalesce(o.period, d.period), coalesce(o.item_id, d.item_id), coalesce(o.department, d.department), NULL, '产生数与月报表不符'
FROM (SELECT period, item_id, department, sum(produced) AS produced FROM obligation WHERE produced IS NOT NULL GROUP BY ALL) o
FULL JOIN declared d USING (period, item_id, department)
WHERE o.produced IS DISTINCT FROM d.produced
