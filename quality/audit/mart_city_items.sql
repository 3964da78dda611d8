-- 全市各数等于各目录之和
SELECT city.period, city.submitted, i.submitted AS items_submitted, city.linked, i.linked AS items_linked
FROM mart.city_progress AS city
LEFT JOIN (
    SELECT period, sum(submitted) AS submitted, sum(accepted) AS accepted, sum(new) AS new, sum(updated) AS updated,
        sum(duplicate) AS duplicate, sum(questioned) AS questioned, sum(set_aside) AS set_aside, sum(linked) AS linked, sum(collected) AS collected
    FROM mart.item_progress GROUP BY period
) AS i USING (period)
WHERE ROW(city.submitted, city.accepted, city.new, city.updated, city.duplicate, city.questioned, city.set_aside, city.linked, city.collected)
    IS DISTINCT FROM ROW(i.submitted, i.accepted, i.new, i.updated, i.duplicate, i.questioned, i.set_aside, i.linked, i.collected)
