-- 报送责任的批次数与最早报送日期与批次不符
SELECT o.period, o.item_id, o.department, o.batches, b.batches AS loaded, o.delivered_on, b.delivered_on AS first_delivery
FROM (
    SELECT period, item_id, department, sum(batches) AS batches, min(delivered_on) FILTER (batches > 0) AS delivered_on
    FROM mart.obligation GROUP BY ALL
) AS o
FULL JOIN (
    SELECT period, item_id, department, count(*) AS batches,
        min(coalesce(try_strptime(delivery[:8], '%Y%m%d'), received_at + INTERVAL 8 HOUR))::DATE AS delivered_on
    FROM ops.batch GROUP BY ALL
) AS b USING (period, item_id, department)
WHERE period IN (SELECT period FROM audit_month)
    AND (coalesce(o.batches, 0) <> coalesce(b.batches, 0) OR (b.batches > 0 AND o.delivered_on IS DISTINCT FROM b.delivered_on))
