-- 问题行占比的检查结果与批次行数相符
SELECT b.batch_id, e.observed, b.rows_quarantined - b.rows_set_aside AS faulty, b.rows_read - b.rows_ignored - b.rows_set_aside AS judged
FROM ops.batch AS b JOIN ops.expectation AS e USING (batch_id)
WHERE e.expectation = 'reject_rate'
    AND abs(
        coalesce(try_cast(replace(e.observed, '%', '') AS DOUBLE) / 100, -1)
        - coalesce((b.rows_quarantined - b.rows_set_aside) / nullif(b.rows_read - b.rows_ignored - b.rows_set_aside, 0), 0)
    ) > 0.0001
