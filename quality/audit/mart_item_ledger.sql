-- 各目录归集量、可关联量与台账不符
WITH ledger AS (
    SELECT item_id, first_period, count(*) AS n, count(subject_key) AS linked
    FROM (FROM core.record ANTI JOIN ref.apart USING (item_id))
    GROUP BY item_id, first_period
),
recounted AS (
    SELECT period, item_id, sum(n) AS collected, sum(linked) AS linked
    FROM audit_month
    JOIN ledger ON first_period <= period
    GROUP BY period, item_id
)
SELECT period, item_id, item.collected, recounted.collected AS ledger_collected, item.linked, recounted.linked AS ledger_linked
FROM (FROM mart.item_progress WHERE period IN (SELECT period FROM audit_month)) AS item
FULL JOIN recounted USING (period, item_id)
WHERE coalesce(item.collected, -1) <> coalesce(recounted.collected, 0)
    OR coalesce(item.linked, -1) <> coalesce(recounted.linked, 0)
