-- The marts: what the bulletin, the office and `explain` read. One period's rows are replaced as a whole.

CREATE TABLE IF NOT EXISTS mart.city_progress (
    period VARCHAR, collected BIGINT, target BIGINT, rate DOUBLE,
    collected_in_period BIGINT, collected_before BIGINT, collected_in_previous BIGINT, linked BIGINT,
    floor_total BIGINT, counties INTEGER, target_document VARCHAR, layout VARCHAR,
    submitted BIGINT, accepted BIGINT, new BIGINT, updated BIGINT, duplicate BIGINT, questioned BIGINT, set_aside BIGINT,
    valid_rate DOUBLE, items_owed INTEGER, items_delivered INTEGER, catalog_version VARCHAR
);
CREATE TABLE IF NOT EXISTS mart.county_progress (
    period VARCHAR, county_code VARCHAR, county_name VARCHAR, unit_kind VARCHAR,
    collected BIGINT, collected_in_period BIGINT, collected_before BIGINT, collected_in_previous BIGINT,
    items INTEGER, unplaced BIGINT,
    floor_target BIGINT, floor_rate DOUBLE, quota_target BIGINT, quota_rate DOUBLE, rank INTEGER,
    population BIGINT, gdp_yi_yuan DECIMAL(18, 2), weight_confidence VARCHAR
);
CREATE TABLE IF NOT EXISTS mart.county_item (
    period VARCHAR, county_code VARCHAR, item_id VARCHAR, county_rule VARCHAR,
    collected BIGINT, collected_in_period BIGINT, collected_in_previous BIGINT, linked BIGINT
);
CREATE TABLE IF NOT EXISTS mart.department_progress (
    period VARCHAR, department VARCHAR, department_name VARCHAR,
    submitted BIGINT, accepted BIGINT, new BIGINT, updated BIGINT, duplicate BIGINT, questioned BIGINT, set_aside BIGINT,
    valid_rate DOUBLE, collected BIGINT, items INTEGER, items_owed INTEGER, items_delivered INTEGER, is_zero BOOLEAN
);
CREATE TABLE IF NOT EXISTS mart.item_progress (
    period VARCHAR, item_id VARCHAR, title VARCHAR, department VARCHAR, department_name VARCHAR, library VARCHAR,
    batches INTEGER, submitted BIGINT, accepted BIGINT, new BIGINT, updated BIGINT, duplicate BIGINT, questioned BIGINT,
    set_aside BIGINT, valid_rate DOUBLE, collected BIGINT, linked BIGINT, linking_rate DOUBLE, status VARCHAR
);
CREATE TABLE IF NOT EXISTS mart.timeliness (
    period VARCHAR, item_id VARCHAR, department VARCHAR, due_date DATE, delivered_on DATE, on_time BOOLEAN, status VARCHAR
);

COMMENT ON TABLE mart.city_progress IS '全市归集进度，每期一行';
COMMENT ON COLUMN mart.city_progress.collected IS '累计归集量：首次入库期次不晚于本期的记录，每条只计一次';
COMMENT ON COLUMN mart.city_progress.target IS '全市目标；没有适用目标时为空';
COMMENT ON COLUMN mart.city_progress.rate IS '完成率（0-1）';
COMMENT ON COLUMN mart.city_progress.linked IS '有有效主体标识、可关联的记录数';
COMMENT ON COLUMN mart.city_progress.floor_total IS '各县（市、区）保底目标之和，与全市目标不等';
COMMENT ON COLUMN mart.city_progress.submitted IS '本期上报量：数据行，不含空行、表头、表尾';
COMMENT ON COLUMN mart.city_progress.questioned IS '本期疑问量：不合规则、退回提供单位的行';
COMMENT ON COLUMN mart.city_progress.set_aside IS '本期搁置量：非本市或不属该目录的行，不计为差错';
COMMENT ON COLUMN mart.city_progress.valid_rate IS '合规率：（入库+更新+重复）÷（上报-搁置）';
COMMENT ON TABLE mart.county_progress IS '各县（市、区）归集进度；unit_kind：county 县（市、区），zone 开发区，city_level 市本级';
COMMENT ON COLUMN mart.county_progress.unplaced IS '按期末区划无法归到某一县（市、区）而列入市本级的记录，如只知原邢台县、不知乡镇的';
COMMENT ON COLUMN mart.county_progress.floor_target IS '保底目标：每县（市、区）200万条的读法';
COMMENT ON COLUMN mart.county_progress.quota_target IS '任务数：全市目标按人口、GDP加权分配的读法';
COMMENT ON COLUMN mart.county_progress.rank IS '按任务完成率排名，并列同名次；市本级、开发区不排名';
COMMENT ON COLUMN mart.county_progress.weight_confidence IS '权重可信度：exact 查得，estimate 估计，derived 推算';
COMMENT ON TABLE mart.county_item IS '各县（市、区）、目录、归属规则的归集量；县区各数由此加总';
COMMENT ON COLUMN mart.county_item.county_rule IS '归属规则；split_unit 原县已拆分且不知乡镇，unknown_division 区划无法识别';
COMMENT ON TABLE mart.department_progress IS '市直部门本期报送与累计归集';
COMMENT ON COLUMN mart.department_progress.items_owed IS '本期应报目录数';
COMMENT ON COLUMN mart.department_progress.is_zero IS '本期有应报目录而一条未报';
COMMENT ON TABLE mart.item_progress IS '各目录本期报送与累计归集';
COMMENT ON COLUMN mart.item_progress.status IS 'not_due 本期不应报，missing 应报未报，zero 零申报，delivered 已报';
COMMENT ON TABLE mart.timeliness IS '各目录按期报送情况';
COMMENT ON COLUMN mart.timeliness.delivered_on IS '本期最早一次报送的日期：取文件名所载日期，没有的取收到日期';
