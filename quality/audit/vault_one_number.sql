-- 号码库中一个假名只对应一个号码，一个号码只对应一个假名
SELECT pseudonym, count(DISTINCT number) AS numbers FROM vault.identifier GROUP BY pseudonym HAVING count(DISTINCT number) > 1
UNION ALL
SELECT min(pseudonym), count(DISTINCT pseudonym) FROM vault.identifier GROUP BY number HAVING count(DISTINCT pseudonym) > 1
