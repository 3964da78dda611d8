-- 有效行的批次、期次、行号、记录键、内容摘要、归属与识别依据齐全
SELECT item_id, batch_id, count(*) AS rows
FROM audit_rec
WHERE batch_id IS NULL OR period IS NULL OR delivery IS NULL OR coalesce(row_number, 0) < 1 OR record_key IS NULL
    OR content_hash IS NULL OR county_code IS NULL OR county_rule IS NULL OR identity_rule IS NULL
GROUP BY ALL
