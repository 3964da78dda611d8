-- 库中的记录数、目录与首末期次应与台账重算的一致；另库目录的记录只计入所在的另库
WITH record AS (
    SELECT coalesce(l.subject_key, r.subject_key) AS subject_key, r.item_id, r.first_period, r.last_period
    FROM core.record r
    LEFT JOIN core.link l ON l.item_id = r.item_id AND l.record_key = r.record_key
    WHERE r.subject_key IS NOT NULL
),
expected AS (
    SELECT NULL AS library, subject_key, count(*) AS records, count(DISTINCT item_id) AS items,
           min(first_period) AS first_period, max(last_period) AS last_period
    FROM record ANTI JOIN ref.apart USING (item_id)
    GROUP BY ALL
    UNION ALL
    SELECT m.library, subject_key, count(*), count(DISTINCT item_id), min(first_period), max(last_period)
    FROM record JOIN lib.member m USING (item_id) SEMI JOIN ref.apart USING (item_id)
    GROUP BY ALL
)
SELECT s.library, s.subject_key, s.records, e.records AS expected_records
FROM audit_subject s
LEFT JOIN (SELECT DISTINCT library FROM lib.member SEMI JOIN ref.apart USING (item_id)) apart ON apart.library = s.library
LEFT JOIN expected e ON e.subject_key = s.subject_key AND e.library IS NOT DISTINCT FROM apart.library
WHERE ROW(s.records, len(s.items), s.first_period, s.last_period)
      IS DISTINCT FROM ROW(e.records, e.items, e.first_period, e.last_period)
