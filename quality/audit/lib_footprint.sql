-- 库中的记录数、目录与首末期次应与台账重算的一致
WITH expected AS (
    SELECT coalesce(l.subject_key, r.subject_key) AS subject_key, count(*) AS records,
           count(DISTINCT r.item_id) AS items, min(r.first_period) AS first_period, max(r.last_period) AS last_period
    FROM core.record r
    LEFT JOIN core.link l ON l.item_id = r.item_id AND l.record_key = r.record_key
    WHERE r.subject_key IS NOT NULL
    GROUP BY ALL
)
SELECT s.library, s.subject_key, s.records, e.records AS expected_records
FROM lib.subject s
JOIN expected e ON e.subject_key = s.subject_key
WHERE ROW(s.records, len(s.items), s.first_period, s.last_period)
      IS DISTINCT FROM ROW(e.records, e.items, e.first_period, e.last_period)
