-- 各部门上报、有效等数之和等于各目录之和
SELECT period, d.submitted, i.submitted AS items_submitted, d.collected, i.collected AS items_collected
FROM (
    SELECT period, sum(submitted) AS submitted, sum(accepted) AS accepted, sum(new) AS new, sum(updated) AS updated, sum(duplicate) AS duplicate,
        sum(questioned) AS questioned, sum(set_aside) AS set_aside, sum(collected) AS collected
    FROM mart.department_progress GROUP BY period
) AS d
FULL JOIN (
    SELECT period, sum(submitted) AS submitted, sum(accepted) AS accepted, sum(new) AS new, sum(updated) AS updated, sum(duplicate) AS duplicate,
        sum(questioned) AS questioned, sum(set_aside) AS set_aside, sum(collected) AS collected
    FROM mart.item_progress GROUP BY period
) AS i USING (period)
WHERE ROW(d.submitted, d.accepted, d.new, d.updated, d.duplicate, d.questioned, d.set_aside, d.collected)
    IS DISTINCT FROM ROW(i.submitted, i.accepted, i.new, i.updated, i.duplicate, i.questioned, i.set_aside, i.collected)
