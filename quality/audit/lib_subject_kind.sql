-- 自然人的库只有自然人，机构的库没有自然人
SELECT s.library, s.subject_key
FROM audit_subject AS s
JOIN (SELECT DISTINCT library, subject FROM lib.member) AS m USING (library)
WHERE m.subject <> 'any' AND starts_with(s.subject_key, 'person:') <> (m.subject = 'person')
