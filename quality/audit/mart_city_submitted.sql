-- 全市上报、有效、重复、疑问、搁置各数与批次不符
WITH batches AS (
    SELECT period, sum(rows_read - rows_ignored) AS submitted, sum(rows_accepted) AS accepted, sum(rows_duplicate) AS duplicate,
        sum(rows_quarantined - rows_set_aside) AS questioned, sum(rows_set_aside) AS set_aside
    FROM ops.batch ANTI JOIN ref.apart USING (item_id)
    GROUP BY period
)
SELECT city.period, city.submitted, b.submitted AS batch_submitted, city.questioned, b.questioned AS batch_questioned
FROM mart.city_progress AS city
JOIN audit_month USING (period)
LEFT JOIN batches AS b ON b.period = city.period
WHERE coalesce(city.submitted, 0) <> coalesce(b.submitted, 0)
    OR coalesce(city.accepted, 0) <> coalesce(b.accepted, 0)
    OR coalesce(city.duplicate, 0) <> coalesce(b.duplicate, 0)
    OR coalesce(city.questioned, 0) <> coalesce(b.questioned, 0)
    OR coalesce(city.set_aside, 0) <> coalesce(b.set_aside, 0)
