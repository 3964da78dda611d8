-- 双公示及时率：应计时限的是本期首次出现的记录，逐条与台账核对；完整率、关联率的分子不大于分母，关联率的分母不大于本期有效行
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
first AS (SELECT first_period AS period, item_id, count(*) AS records FROM core.record WHERE first_period IN (FROM current) GROUP BY ALL),
shown AS (SELECT period, item_id, sum(timed) AS timed FROM mart.provider_item GROUP BY ALL HAVING sum(timed) > 0)
SELECT period, item_id, timed, records FROM shown JOIN current USING (period) LEFT JOIN first USING (period, item_id) WHERE timed > coalesce(records, 0)
UNION ALL
SELECT period, item_id, in_time, timed FROM mart.provider_item
WHERE in_time > timed OR fields_filled > fields_expected OR linked > records OR records > accepted + duplicate OR least(in_time, timed, fields_filled, records, linked) < 0
