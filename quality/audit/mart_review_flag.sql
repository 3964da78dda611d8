-- 核查表所列的比率由行数算出并超过核查线，例子所在的文件确有其批次
SELECT period, flag, county_code, department, item_id, rows, of_rows, value, line
FROM mart.review_flag
WHERE (flag <> 'test_name' AND (abs(value - rows / of_rows) > 1e-12 OR NOT value > line))
    OR rows < 1 OR (source_file IS NOT NULL AND source_file NOT IN (SELECT source_file FROM ops.batch))
