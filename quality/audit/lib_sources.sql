-- 库中所记的来源目录都是该库该属性定义的来源
SELECT s.library, s.attribute, s.item_id, sum(n) AS subjects
FROM (
    SELECT library, unnest(json_keys(sources)) AS attribute, json_extract_string(sources, '$.' || unnest(json_keys(sources))) AS item_id, n
    FROM (SELECT library, sources, count(*) AS n FROM audit_subject WHERE sources IS NOT NULL GROUP BY ALL)
) AS s
ANTI JOIN lib.attribute AS a ON a.library = s.library AND a.attribute = s.attribute AND a.item_id = s.item_id
GROUP BY ALL
