-- 每批都记有原文件名、64位摘要、格式、目录版本、收到与入库时间
SELECT batch_id, source_file, sha256, format, catalog_version, received_at, loaded_at
FROM ops.batch
WHERE coalesce(source_file, '') = '' OR NOT coalesce(regexp_full_match(sha256, '[0-9a-f]{64}'), FALSE)
    OR coalesce(format, '') = '' OR coalesce(catalog_version, '') = '' OR received_at IS NULL OR loaded_at IS NULL
