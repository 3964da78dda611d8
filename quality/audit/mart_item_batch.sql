-- 各目录上报、入库、更新、重复、疑问、搁置与批次不符
WITH batches AS (
    SELECT
        period,
        item_id,
        sum(rows_read - rows_ignored) AS submitted,
        sum(rows_new) AS new,
        sum(rows_updated) AS updated,
        sum(rows_duplicate) AS duplicate,
        sum(rows_quarantined) - sum(rows_set_aside) AS questioned,
        sum(rows_set_aside) AS set_aside
    FROM (FROM ops.batch ANTI JOIN ref.apart USING (item_id))
    WHERE period IN (SELECT period FROM audit_month)
    GROUP BY period, item_id
)
SELECT period, item_id, item.submitted, batches.submitted AS batch_submitted, item.new, batches.new AS batch_new
FROM (FROM mart.item_progress WHERE period IN (SELECT period FROM audit_month)) AS item
FULL JOIN batches USING (period, item_id)
WHERE coalesce(item.submitted, -1) <> coalesce(batches.submitted, 0)
    OR coalesce(item.new, -1) <> coalesce(batches.new, 0)
    OR coalesce(item.updated, -1) <> coalesce(batches.updated, 0)
    OR coalesce(item.duplicate, -1) <> coalesce(batches.duplicate, 0)
    OR coalesce(item.questioned, -1) <> coalesce(batches.questioned, 0)
    OR coalesce(item.set_aside, -1) <> coalesce(batches.set_aside, 0)
    OR item.submitted <> item.new + item.updated + item.duplicate + item.questioned + item.set_aside
