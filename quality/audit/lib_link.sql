-- 以组织机构代码或注册号报送的记录，其归并须与标识对照一致；遮盖或缺号的记录不得关联主体
SELECT r.item_id, r.record_key, r.subject_key, '归并与标识对照不一致' AS fault
FROM core.record r
LEFT JOIN core.link l ON l.item_id = r.item_id AND l.record_key = r.record_key
LEFT JOIN core.identity i ON i.identifier = r.subject_key
WHERE (starts_with(r.subject_key, 'org:') OR starts_with(r.subject_key, 'reg:'))
  AND (l.record_key IS NULL OR l.subject_key IS DISTINCT FROM i.subject_key)
UNION ALL
SELECT l.item_id, l.record_key, l.subject_key, '归并的记录不在台账，或本身已有信用代码'
FROM core.link l
LEFT JOIN core.record r ON r.item_id = l.item_id AND r.record_key = l.record_key
WHERE r.record_key IS NULL OR NOT (starts_with(coalesce(r.subject_key, ''), 'org:') OR starts_with(coalesce(r.subject_key, ''), 'reg:'))
UNION ALL
SELECT item_id, record_key, subject_key, '遮盖或缺号的记录关联了主体'
FROM core.record
WHERE identity_rule IN ('masked', 'none') AND subject_key IS NOT NULL
