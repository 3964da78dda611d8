-- 月报表申报的期次、单位、部门、目录都认得，且有来源文件
SELECT period, division, department, item_id, source_file
FROM ops.declaration
WHERE period IS NULL OR NOT regexp_full_match(period, '[12][0-9]{3}-(0[1-9]|1[0-2])')
    OR division IS NULL OR division NOT IN (SELECT code FROM ref.division)
    OR department IS NULL OR department NOT IN (SELECT department FROM ref.department)
    OR item_id IS NULL OR item_id NOT IN (SELECT item_id FROM ref.item)
    OR declared_on IS NULL OR coalesce(source_file, '') = '' OR NOT coalesce(regexp_full_match(sha256, '[0-9a-f]{64}'), FALSE)
