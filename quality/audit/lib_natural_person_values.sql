-- 户籍登记中的自然人，姓名、出生日期与户籍区划须以户籍登记为准
SELECT p.subject_key, p.household_division, v.household_division AS registered_division
FROM core.record r
JOIN rec.permanent_residents v ON v.batch_id = r.batch_id AND v.row_number = r.row_number
JOIN lib.natural_person p ON p.subject_key = r.subject_key
WHERE r.item_id = 'permanent_residents'
  AND ROW(p.name, p.birth_date, p.household_division) IS DISTINCT FROM ROW(v.name, v.birth_date, v.household_division)
