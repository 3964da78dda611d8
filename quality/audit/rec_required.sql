-- 整批检查判为填全的必填项，逐行确实填了
SELECT item_id, batch_id, field, count(*) AS rows
FROM (SELECT item_id, batch_id, unnest(string_split(missing, ' ')) AS field FROM audit_rec WHERE missing IS NOT NULL)
SEMI JOIN ops.expectation AS e USING (batch_id, field)
WHERE batch_id IN (SELECT batch_id FROM ops.expectation AS e WHERE e.expectation = 'required' AND e.success = 1 AND e.field = field)
GROUP BY ALL
