-- 号码库中的假名都由现用密钥算出，主体键不含号码原文
SELECT batch_id, pseudonym FROM vault.identifier WHERE audit_vault_open() AND pseudonym IS DISTINCT FROM xt_pseudonym(xt_unseal(number, pseudonym))
UNION ALL
SELECT batch_id, subject_key FROM core.record
WHERE starts_with(subject_key, 'person:') AND NOT regexp_full_match(subject_key, 'person:[0-9a-f]{32}')
