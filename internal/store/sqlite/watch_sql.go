package sqlite

import "github.com/fetchmill/fetchmill/internal/store/driver"

// The SQL about targets. Those of the writer:
const (
	sqlSaveWatch = `UPDATE watch SET version = ?, secret = ?, policy = ?, sites = ?, channels = ?`

	sqlTarget       = `SELECT ` + driver.TargetColumns + ` FROM targets WHERE num = ? AND removed = 0`
	sqlAllTargets   = `SELECT ` + driver.TargetColumns + ` FROM targets WHERE removed = 0`
	sqlAddTarget    = `INSERT INTO targets (name, grp, owner, spec, site, version, revision, removed, phase, evidence, said, recheck, state) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?)`
	sqlChangeTarget = `UPDATE targets SET grp = ?, owner = ?, spec = ?, site = ?, version = ?, revision = ?, phase = ?, evidence = ?, said = ?, recheck = ?, state = ?
		WHERE num = ?`
	sqlRemoveTarget = `UPDATE targets SET removed = ?, recheck = 0, evidence = 0 WHERE num = ?`
	sqlSaveState    = `UPDATE targets SET phase = ?, evidence = ?, said = ?, recheck = ?, state = ? WHERE num = ?`
	sqlSetRecheck   = `UPDATE targets SET recheck = ?1 WHERE num = ?2 AND removed = 0 AND (recheck = 0 OR recheck > ?1)`

	sqlWitnesses = `SELECT ` + driver.WitnessColumns + ` FROM targets WHERE evidence <> 0 AND said >= ?`
	sqlAnswering = `SELECT ` + driver.WitnessColumns + ` FROM targets WHERE evidence = 1 AND said < ? ORDER BY said, num LIMIT ?`

	sqlLoadOutages = `SELECT ` + driver.OutageColumns + ` FROM outages WHERE until = 0 OR until > ? ORDER BY since`
	sqlSaveOutage  = `INSERT INTO outages (` + driver.OutageColumns + `) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (since) DO UPDATE SET until = excluded.until, recovering = excluded.recovering`
	sqlSaveIncident = `INSERT INTO incidents (` + driver.IncidentColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (since, target) DO UPDATE SET until = excluded.until, ended = excluded.ended`

	sqlBucket     = `SELECT ` + driver.BucketColumns + ` FROM buckets WHERE target = ? AND size = ? AND start = ?`
	sqlSaveBucket = `INSERT INTO buckets (` + driver.BucketColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (target, size, start) DO UPDATE SET up = excluded.up, down = excluded.down, maintained = excluded.maintained, ours = excluded.ours,
			unknown = excluded.unknown, timed = excluded.timed, sum_us = excluded.sum_us, max_us = excluded.max_us, times = excluded.times, minutes = excluded.minutes`

	sqlPruneMinutes = `UPDATE buckets SET minutes = x'' WHERE rowid IN
		(SELECT rowid FROM buckets WHERE size = 3600 AND start < ? AND start >= ? AND minutes <> x'' LIMIT ?)`
	sqlPruneBuckets   = `DELETE FROM buckets WHERE rowid IN (SELECT rowid FROM buckets WHERE size = ? AND start < ? LIMIT ?)`
	sqlPruneRemoved   = `DELETE FROM buckets WHERE rowid IN (SELECT b.rowid FROM targets t JOIN buckets b ON b.target = t.num WHERE t.removed <> 0 LIMIT ?)`
	sqlPruneTargets   = `DELETE FROM targets WHERE removed <> 0 AND NOT EXISTS (SELECT 1 FROM buckets b WHERE b.target = targets.num)`
	sqlPruneIncidents = `DELETE FROM incidents WHERE (since, target) IN (SELECT since, target FROM incidents WHERE since < ? AND until <> 0 LIMIT ?)`
)

// Those of readers, some of which the writer asks, too.
const (
	sqlWatch   = `SELECT ` + driver.WatchColumns + ` FROM watch`
	sqlTargets = `SELECT ` + driver.TargetColumns + ` FROM targets INDEXED BY targets_name WHERE removed = 0 AND name > ?
		AND (?2 = '' OR grp = ?2) AND (?3 = '' OR owner = ?3) AND (?4 = '' OR phase = ?4) ORDER BY name LIMIT ?5`
	sqlTargetNamed = `SELECT ` + driver.TargetColumns + ` FROM targets WHERE removed = 0 AND name = ?`
	sqlRechecks    = `SELECT num, recheck FROM targets WHERE recheck <> 0 AND recheck BETWEEN ? AND ?`
	sqlBuckets     = `SELECT ` + driver.BucketColumns + ` FROM buckets WHERE target IN (SELECT value FROM json_each(?)) AND size = ? AND start >= ?`
	sqlDaySums     = `SELECT target,
			coalesce(sum(up) FILTER (WHERE start >= ?2), 0), coalesce(sum(down) FILTER (WHERE start >= ?2), 0),
			coalesce(sum(up) FILTER (WHERE start >= ?3), 0), coalesce(sum(down) FILTER (WHERE start >= ?3), 0),
			coalesce(sum(up) FILTER (WHERE start >= ?4), 0), coalesce(sum(down) FILTER (WHERE start >= ?4), 0)
		FROM buckets INDEXED BY buckets_days WHERE target IN (SELECT value FROM json_each(?1)) AND size = 86400 AND start >= ?5 GROUP BY target`
	sqlIncidents      = `SELECT ` + driver.IncidentColumns + ` FROM incidents WHERE (since, target) < (?, ?) ORDER BY since DESC, target DESC LIMIT ?`
	sqlIncidentsOpen  = `SELECT ` + driver.IncidentColumns + ` FROM incidents WHERE until = 0 AND (since, target) < (?, ?) ORDER BY since DESC, target DESC LIMIT ?`
	sqlIncidentsNamed = `SELECT ` + driver.IncidentColumns + ` FROM incidents WHERE name = ?1 AND (?2 = 0 OR until = 0) AND (since, target) < (?3, ?4)
		ORDER BY since DESC, target DESC LIMIT ?5`
	sqlLastOutages = `SELECT ` + driver.OutageColumns + ` FROM outages ORDER BY since DESC LIMIT ?`
)
