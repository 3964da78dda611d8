-- 目录版本恰有一个
SELECT count(*) AS versions FROM ref.catalog_version HAVING count(*) <> 1 OR count(version) <> 1
