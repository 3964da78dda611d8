-- 库中主体的首末期次先后有序，记录数与目录不空
SELECT library, subject_key, first_period, last_period, records
FROM audit_subject
WHERE first_period IS NULL OR last_period IS NULL OR first_period > last_period OR coalesce(records, 0) < len(items) OR coalesce(len(items), 0) < 1
