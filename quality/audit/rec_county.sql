-- 有效行的归属县（市、区）与依据都认得
SELECT item_id, county_code, county_rule, count(*) AS rows
FROM audit_rec
WHERE county_code NOT IN (SELECT code FROM ref.division)
    OR county_rule NOT IN ('authority', 'registrar', 'division', 'address', 'household', 'city')
    OR (county_rule = 'city' AND county_code <> '130500')
GROUP BY ALL
