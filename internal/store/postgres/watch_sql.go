package postgres

import "github.com/fetchmill/fetchmill/internal/store/driver"

// The SQL about targets. That of transactions:
const (
	sqlSaveWatch = `UPDATE watch SET version = $1, secret = $2, policy = $3, sites = $4, channels = $5`

	sqlLoadTargets = `SELECT ` + driver.TargetColumns + ` FROM targets WHERE num = ANY($1::bigint[]) AND removed = 0`
	sqlAllTargets  = `SELECT ` + driver.TargetColumns + ` FROM targets WHERE removed = 0`
	sqlAddTargets  = `INSERT INTO targets (name, grp, owner, spec, site, version, revision, phase, evidence, said, recheck, state, removed)
		SELECT name, grp, owner, spec, site, version, revision, phase, evidence, said, recheck, state, 0
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[])
			WITH ORDINALITY AS u (name, grp, owner, spec, site, version, revision, phase, evidence, said, recheck, state, n) ORDER BY n`
	sqlChangeTargets = `UPDATE targets SET grp = u.grp, owner = u.owner, spec = u.spec, site = u.site, version = u.version, revision = u.revision,
			phase = u.phase, evidence = u.evidence, said = u.said, recheck = u.recheck, state = u.state
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::bigint[])
			AS u (name, grp, owner, spec, site, version, revision, phase, evidence, said, recheck, state, num)
		WHERE targets.num = u.num`
	sqlRemoveTargets = `UPDATE targets SET removed = $2, recheck = 0, evidence = 0 WHERE num = ANY($1::bigint[])`
	sqlSaveStates    = `UPDATE targets SET phase = u.phase, evidence = u.evidence, said = u.said, recheck = u.recheck, state = u.state
		FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[]) AS u (phase, evidence, said, recheck, state, num)
		WHERE targets.num = u.num`
	sqlSetRechecks = `UPDATE targets SET recheck = u.at FROM unnest($1::bigint[], $2::bigint[]) AS u (num, at)
		WHERE targets.num = u.num AND removed = 0 AND (recheck = 0 OR recheck > u.at)`

	sqlWitnesses = `SELECT ` + driver.WitnessColumns + ` FROM targets WHERE evidence <> 0 AND said >= $1`
	sqlAnswering = `SELECT ` + driver.WitnessColumns + ` FROM targets WHERE evidence = 1 AND said < $1 ORDER BY said, num LIMIT $2`

	sqlLoadOutages = `SELECT ` + driver.OutageColumns + ` FROM outages WHERE until = 0 OR until > $1 ORDER BY since`
	sqlSaveOutages = `INSERT INTO outages (` + driver.OutageColumns + `)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
		ON CONFLICT (since) DO UPDATE SET until = excluded.until, recovering = excluded.recovering`
	sqlSaveIncidents = `INSERT INTO incidents (` + driver.IncidentColumns + `)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
		ON CONFLICT (since, target) DO UPDATE SET until = excluded.until, ended = excluded.ended`

	sqlLoadBuckets = `SELECT ` + bucketColumns + ` FROM buckets b
		JOIN unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u (target, size, start) ON b.target = u.target AND b.size = u.size AND b.start = u.start`
	sqlSaveBuckets = `INSERT INTO buckets (` + driver.BucketColumns + `)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
			$12::bytea[], $13::bytea[])
		ON CONFLICT (target, size, start) DO UPDATE SET up = excluded.up, down = excluded.down, maintained = excluded.maintained, ours = excluded.ours,
			unknown = excluded.unknown, timed = excluded.timed, sum_us = excluded.sum_us, max_us = excluded.max_us, times = excluded.times, minutes = excluded.minutes`

	sqlPruneMinutes = `UPDATE buckets SET minutes = '' WHERE ctid = ANY(ARRAY(
		SELECT ctid FROM buckets WHERE size = 3600 AND start < $1 AND start >= $2 AND minutes <> '' LIMIT $3))`
	sqlPruneBuckets   = `DELETE FROM buckets WHERE ctid = ANY(ARRAY(SELECT ctid FROM buckets WHERE size = $1 AND start < $2 LIMIT $3))`
	sqlPruneRemoved   = `DELETE FROM buckets WHERE ctid = ANY(ARRAY(SELECT b.ctid FROM targets t JOIN buckets b ON b.target = t.num WHERE t.removed <> 0 LIMIT $1))`
	sqlPruneTargets   = `DELETE FROM targets WHERE removed <> 0 AND NOT EXISTS (SELECT 1 FROM buckets b WHERE b.target = targets.num)`
	sqlPruneIncidents = `DELETE FROM incidents WHERE ctid = ANY(ARRAY(SELECT ctid FROM incidents WHERE since < $1 AND until <> 0 LIMIT $2))`

	bucketColumns = `b.target, b.size, b.start, up, down, maintained, ours, unknown, timed, sum_us, max_us, times, minutes`
)

// That of readers, some of which transactions ask, too.
const (
	sqlWatch   = `SELECT ` + driver.WatchColumns + ` FROM watch`
	sqlTargets = `SELECT ` + driver.TargetColumns + ` FROM targets WHERE removed = 0 AND name > $1
		AND ($2 = '' OR grp = $2) AND ($3 = '' OR owner = $3) AND ($4 = '' OR phase = $4) ORDER BY name LIMIT $5`
	sqlTargetNamed = `SELECT ` + driver.TargetColumns + ` FROM targets WHERE removed = 0 AND name = $1`
	sqlRechecks    = `SELECT num, recheck FROM targets WHERE recheck <> 0 AND recheck BETWEEN $1 AND $2`
	sqlBuckets     = `SELECT ` + driver.BucketColumns + ` FROM buckets WHERE target = ANY($1::bigint[]) AND size = $2 AND start >= $3`
	sqlDaySums     = `SELECT target,
			coalesce(sum(up) FILTER (WHERE start >= $2), 0)::bigint, coalesce(sum(down) FILTER (WHERE start >= $2), 0)::bigint,
			coalesce(sum(up) FILTER (WHERE start >= $3), 0)::bigint, coalesce(sum(down) FILTER (WHERE start >= $3), 0)::bigint,
			coalesce(sum(up) FILTER (WHERE start >= $4), 0)::bigint, coalesce(sum(down) FILTER (WHERE start >= $4), 0)::bigint
		FROM buckets WHERE target = ANY($1::bigint[]) AND size = 86400 AND start >= $5 GROUP BY target`
	sqlIncidents      = `SELECT ` + driver.IncidentColumns + ` FROM incidents WHERE (since, target) < ($1, $2) ORDER BY since DESC, target DESC LIMIT $3`
	sqlIncidentsOpen  = `SELECT ` + driver.IncidentColumns + ` FROM incidents WHERE until = 0 AND (since, target) < ($1, $2) ORDER BY since DESC, target DESC LIMIT $3`
	sqlIncidentsNamed = `SELECT ` + driver.IncidentColumns + ` FROM incidents WHERE name = $1 AND (NOT $2 OR until = 0) AND (since, target) < ($3, $4)
		ORDER BY since DESC, target DESC LIMIT $5`
	sqlLastOutages = `SELECT ` + driver.OutageColumns + ` FROM outages ORDER BY since DESC LIMIT $1`
)
