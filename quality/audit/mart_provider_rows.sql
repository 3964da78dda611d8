-- 双公示及时率：应计时限的是本期首次出现的记录，逐条与台账核对；完整率、关联率的分子不大于分母，关联率的分母不大于本期有效行
WITH first AS (SELECT first_period AS period, item_id, count(*) AS records FROM core.record WHERE first_period IN (SELECT period FROM audit_month WHERE obligations_too) GROUP BY ALL),
shown AS (SELECT period, item_id, sum(timed) AS timed FROM mart.provider_item GROUP BY ALL HAVING sum(timed) > 0)
SELECT period, item_id, timed, records FROM shown JOIN (FROM audit_month WHERE obligations_too) USING (period) LEFT JOIN first USING (period, item_id) WHERE timed > coalesce(records, 0)
UNION ALL
SELECT period, item_id, in_time, timed FROM mart.provider_item
WHERE in_time > timed OR fields_filled > fields_expected OR linked > records OR records > accepted + duplicate OR least(in_time, timed, fields_filled, records, linked) < 0
