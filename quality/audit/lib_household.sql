-- 按户籍归属的记录，本身须无从归属，且与户籍登记的县（市、区）一致；其余记录的归属即其自身判定
WITH register AS (
    SELECT r.subject_key, r.local_county_code
    FROM core.record r
    JOIN lib.attribute a ON a.item_id = r.item_id AND a.attribute = 'household_division'
    WHERE r.local_county_rule = 'division'
)
SELECT r.item_id, r.record_key, r.county_code, r.county_rule, r.local_county_code
FROM core.record r
WHERE r.county_rule = 'household'
  AND (r.local_county_rule <> 'city' OR NOT EXISTS (
      FROM register g WHERE g.subject_key = r.subject_key AND g.local_county_code = r.county_code))
UNION ALL
SELECT item_id, record_key, county_code, county_rule, local_county_code
FROM core.record
WHERE county_rule IS DISTINCT FROM 'household'
  AND ROW(county_code, county_rule) IS DISTINCT FROM ROW(local_county_code, local_county_rule)
