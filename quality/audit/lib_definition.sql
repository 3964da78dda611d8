-- 各库的成员目录与属性来源都在目录表、数据项表中
SELECT library, item_id, NULL AS field FROM lib.member ANTI JOIN ref.item USING (item_id)
UNION ALL
SELECT a.library, a.item_id, a.field FROM lib.attribute AS a ANTI JOIN ref.field AS f ON f.item_id = a.item_id AND f.field = a.field
UNION ALL
SELECT library, item_id, NULL FROM lib.member GROUP BY ALL HAVING count(*) > 1
