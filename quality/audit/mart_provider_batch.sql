-- 各报送单位的上报、入库、更新、重复、疑问与批次不符
WITH batches AS (
    SELECT period, item_id, department, sum(rows_read - rows_ignored) AS submitted, sum(rows_new) AS new, sum(rows_updated) AS updated,
        sum(rows_duplicate) AS duplicate, sum(rows_quarantined - rows_set_aside) AS questioned
    FROM (FROM ops.batch ANTI JOIN ref.apart USING (item_id)) WHERE period IN (SELECT period FROM audit_month WHERE obligations_too) GROUP BY ALL
),
shown AS (
    SELECT period, item_id, department, sum(submitted) AS submitted, sum(new) AS new, sum(updated) AS updated, sum(duplicate) AS duplicate, sum(questioned) AS questioned
    FROM mart.provider_item WHERE period IN (SELECT period FROM audit_month WHERE obligations_too) AND batches > 0 GROUP BY ALL
)
SELECT period, item_id, department, shown.submitted, batches.submitted AS batch_submitted
FROM shown FULL JOIN batches USING (period, item_id, department)
WHERE (shown.submitted, shown.new, shown.updated, shown.duplicate, shown.questioned)
    IS DISTINCT FROM (batches.submitted, batches.new, batches.updated, batches.duplicate, batches.questioned)
