-- 迟报、漏报、瞒报与报送责任（期限、申报、批次）不符
SELECT p.period, p.item_id, p.department, p.county_code, p.owed, p.late, p.missing, p.concealed
FROM mart.provider_item AS p
FULL JOIN (FROM mart.obligation ANTI JOIN ref.apart USING (item_id)) AS o
    ON o.period = p.period AND o.item_id = p.item_id AND o.department = p.department AND o.county_code = p.county_code
WHERE p.owed IS DISTINCT FROM (o.due_on IS NOT NULL)::INTEGER
    OR p.met IS DISTINCT FROM (o.due_on IS NOT NULL AND o.delivered_on IS NOT NULL)::INTEGER
    OR p.late IS DISTINCT FROM coalesce(o.due_on < o.delivered_on, false)::INTEGER
    OR p.missing IS DISTINCT FROM (o.due_on IS NOT NULL AND o.delivered_on IS NULL AND coalesce(o.produced, 0) = 0)::INTEGER
    OR p.concealed IS DISTINCT FROM (o.due_on IS NOT NULL AND coalesce(o.produced, 0) > o.submitted)::INTEGER
    OR p.concealed_records IS DISTINCT FROM CASE WHEN o.due_on IS NULL THEN 0 ELSE greatest(coalesce(o.produced, 0) - o.submitted, 0) END
