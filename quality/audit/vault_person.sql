-- 台账中凭公民身份号码识别的个人，号码库都有其号码
SELECT item_id, count(*) AS records
FROM core.record
WHERE identity_rule = 'resident_id' AND substr(subject_key, 8) NOT IN (SELECT pseudonym FROM vault.identifier WHERE pseudonym IS NOT NULL)
GROUP BY item_id
