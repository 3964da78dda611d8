-- 已发布的期次各一行，所依据的快照还在
SELECT period, snapshot, count(*) AS n FROM ops.publication GROUP BY ALL HAVING count(*) > 1
UNION ALL
SELECT period, snapshot, 0 FROM ops.publication WHERE snapshot NOT IN (SELECT snapshot_id FROM ducklake_snapshots('lake'))
