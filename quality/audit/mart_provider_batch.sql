-- 各报送单位的上报、入库、更新、重复、疑问与批次不符
WITH current AS (
    -- A month assessed before the last load, declaration, integration or rollback is frozen as published: it is no fault that it differs.
    SELECT period
    FROM mart.city_progress
    WHERE (SELECT coalesce(max(snapshot_id), 0) FROM ducklake_snapshots('lake') WHERE commit_message = 'assess ' || period) > (
        SELECT coalesce(max(snapshot_id), 0)
        FROM ducklake_snapshots('lake')
        WHERE starts_with(commit_message, 'load ') OR starts_with(commit_message, 'integrate') OR starts_with(commit_message, 'declare ') OR starts_with(commit_message, 'rollback ')
    )
),
batches AS (
    SELECT period, item_id, department, sum(rows_read - rows_ignored) AS submitted, sum(rows_new) AS new, sum(rows_updated) AS updated,
        sum(rows_duplicate) AS duplicate, sum(rows_quarantined - rows_set_aside) AS questioned
    FROM (FROM ops.batch ANTI JOIN ref.apart USING (item_id)) WHERE period IN (FROM current) GROUP BY ALL
),
shown AS (
    SELECT period, item_id, department, sum(submitted) AS submitted, sum(new) AS new, sum(updated) AS updated, sum(duplicate) AS duplicate, sum(questioned) AS questioned
    FROM mart.provider_item WHERE period IN (FROM current) AND batches > 0 GROUP BY ALL
)
SELECT period, item_id, department, shown.submitted, batches.submitted AS batch_submitted
FROM shown FULL JOIN batches USING (period, item_id, department)
WHERE (shown.submitted, shown.new, shown.updated, shown.duplicate, shown.questioned)
    IS DISTINCT FROM (batches.submitted, batches.new, batches.updated, batches.duplicate, batches.questioned)
