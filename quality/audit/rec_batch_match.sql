-- 有效行的目录、期次、报送与其批次一致
SELECT r.item_id, r.batch_id, r.period, r.delivery, count(*) AS rows
FROM audit_rec AS r JOIN ops.batch AS b USING (batch_id)
WHERE r.item_id IS DISTINCT FROM b.item_id OR r.period IS DISTINCT FROM b.period OR r.delivery IS DISTINCT FROM b.delivery
GROUP BY ALL
