-- 目录表：标识、编号、名称不空不重，部门认得
SELECT item_id, code, title, department
FROM ref.item
WHERE item_id IS NULL OR code IS NULL OR title IS NULL OR department NOT IN (SELECT department FROM ref.department)
    OR item_id IN (SELECT item_id FROM ref.item GROUP BY item_id HAVING count(*) > 1)
    OR code IN (SELECT code FROM ref.item GROUP BY code HAVING count(*) > 1)
