-- 归并的依据与结果一致：不唯一或无主的不归并，其余归到信用代码
SELECT item_id, record_key, subject_key, rule
FROM core.link
WHERE rule IS NULL OR rule NOT IN ('org_code', 'registration_no', 'ambiguous', 'unclaimed')
    OR (rule IN ('ambiguous', 'unclaimed')) <> (subject_key IS NULL)
    OR NOT coalesce(starts_with(subject_key, 'uscc:'), TRUE)
