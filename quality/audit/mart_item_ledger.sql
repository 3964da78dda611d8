-- 各目录归集量、可关联量与台账不符
WITH current AS (
    -- A month assessed before the last load, integration or rollback is frozen as published: it is no fault that it differs.
    SELECT period
    FROM mart.city_progress
    WHERE (SELECT coalesce(max(snapshot_id), 0) FROM ducklake_snapshots('lake') WHERE commit_message = 'assess ' || period) > (
        SELECT coalesce(max(snapshot_id), 0)
        FROM ducklake_snapshots('lake')
        WHERE starts_with(commit_message, 'load ') OR starts_with(commit_message, 'integrate') OR starts_with(commit_message, 'rollback ')
    )
),
ledger AS (
    SELECT item_id, first_period, count(*) AS n, count(subject_key) AS linked
    FROM (FROM core.record ANTI JOIN ref.apart USING (item_id))
    GROUP BY item_id, first_period
),
recounted AS (
    SELECT period, item_id, sum(n) AS collected, sum(linked) AS linked
    FROM current
    JOIN ledger ON first_period <= period
    GROUP BY period, item_id
)
SELECT period, item_id, item.collected, recounted.collected AS ledger_collected, item.linked, recounted.linked AS ledger_linked
FROM (FROM mart.item_progress WHERE period IN (SELECT period FROM current)) AS item
FULL JOIN recounted USING (period, item_id)
WHERE coalesce(item.collected, -1) <> coalesce(recounted.collected, 0)
    OR coalesce(item.linked, -1) <> coalesce(recounted.linked, 0)
