-- 各部门上报量、归集量与其目录的批次、台账不符
WITH ledger AS (
    SELECT audit_month.period, coalesce(batch.department, item.department) AS department, count(*) AS collected
    FROM audit_month
    JOIN (FROM core.record ANTI JOIN ref.apart USING (item_id)) AS record ON record.first_period <= audit_month.period
    JOIN ref.item AS item ON item.item_id = record.item_id
    LEFT JOIN ops.batch AS batch ON batch.batch_id = record.batch_id
    GROUP BY ALL
),
batches AS (
    SELECT period, department, sum(rows_read - rows_ignored) AS submitted
    FROM ops.batch ANTI JOIN ref.apart USING (item_id)
    GROUP BY ALL
)
SELECT progress.period, progress.department, progress.collected, ledger.collected AS ledger_collected,
    progress.submitted, batches.submitted AS batch_submitted
FROM mart.department_progress AS progress
JOIN ref.department AS known ON known.department = progress.department
LEFT JOIN ledger ON ledger.period = progress.period AND ledger.department = progress.department
LEFT JOIN batches ON batches.period = progress.period AND batches.department = progress.department
WHERE progress.period IN (SELECT period FROM audit_month)
    AND (progress.collected <> coalesce(ledger.collected, 0) OR progress.submitted <> coalesce(batches.submitted, 0))
