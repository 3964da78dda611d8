-- 全市完成率等于归集量与目标之比，上期末加本期新增等于累计
SELECT period, collected, target, rate, collected_before, collected_in_period
FROM mart.city_progress
WHERE (rate IS NULL) <> (target IS NULL) OR abs(rate - collected::DOUBLE / target) > 1e-12
    OR collected IS DISTINCT FROM collected_before + collected_in_period
