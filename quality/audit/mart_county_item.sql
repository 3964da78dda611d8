-- 各县（市、区）各数等于其各目录之和，各目录归集量等于各县（市、区）之和
SELECT coalesce(c.period, i.period) AS period, coalesce(c.county_code, i.county_code) AS id, c.collected, i.collected AS summed
FROM mart.county_progress AS c
FULL JOIN (
    SELECT period, county_code, sum(collected) AS collected, sum(collected_in_period) AS in_period, sum(collected_in_previous) AS in_previous,
        count(DISTINCT item_id) AS items, coalesce(sum(collected) FILTER (county_rule IN ('split_unit', 'unknown_division')), 0) AS unplaced
    FROM mart.county_item GROUP BY ALL
) AS i USING (period, county_code)
WHERE coalesce(c.collected, -1) <> coalesce(i.collected, 0) OR c.collected_in_period <> coalesce(i.in_period, 0)
    OR c.collected_in_previous <> coalesce(i.in_previous, 0) OR c.items <> coalesce(i.items, 0) OR c.unplaced <> coalesce(i.unplaced, 0)
UNION ALL
SELECT p.period, p.item_id, p.collected, i.collected
FROM mart.item_progress AS p
LEFT JOIN (SELECT period, item_id, sum(collected) AS collected, sum(linked) AS linked FROM mart.county_item GROUP BY ALL) AS i USING (period, item_id)
WHERE p.collected <> coalesce(i.collected, 0) OR p.linked <> coalesce(i.linked, 0)
