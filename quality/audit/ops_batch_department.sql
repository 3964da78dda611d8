-- 批次的来源部门在部门表中
SELECT batch_id, department FROM ops.batch ANTI JOIN ref.department USING (department)
