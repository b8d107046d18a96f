package topology

import "github.com/fetchmill/fetchmill/pkg/events"

// This file says who may do what on the broker. The users that `fetchmill keys make` writes follow from it, and what is tested. Whoever
// adds a stream, a bucket, an object store or a request writes here who has to do with it; for what is in the layout and not here there are
// no rights, and no keys are made (ErrNoAccess).

// streamAccess says who has to do with a stream.
type streamAccess struct {
	worker  Role              // takes messages through the consumers of the layout, acknowledges them, and asks how much is in it; none for a history
	maker   Role              // makes consumers itself, as NoticeConsumer says, and takes messages through them; mostly none
	fill    map[Role][]string // who publishes, and on which of its subjects
	read    map[Role][]string // who reads it through consumers of their own, and which of its subjects
	removal []Role            // who reads single messages and removes them
	look    []Role            // who asks how much is in it
}

// bucketAccess says who has to do with a KV bucket; keys may have the wildcards of subjects.
type bucketAccess struct {
	put, get, watch map[Role][]string
}

// objectAccess says who has to do with an object store.
type objectAccess struct {
	read  []Role // one object at a time, chunk by chunk
	watch []Role // through consumers: read them as the client library does, and list them
	write []Role
}

// request is what one role answers and others ask for.
type request struct {
	subject string
	answer  Role
	ask     []Role
}

var streams = map[string]streamAccess{
	StreamWork: {
		worker: RoleIngest,
		fill: map[Role][]string{
			RoleClient: {events.PrefixWork + ">"}, RoleOperator: {events.PrefixWork + ">"},
			RoleSink: {events.PrefixWork + "*"}, // the checks of targets
		},
	},
	StreamFetch: {
		worker: RoleFetcher,
		fill: map[Role][]string{
			RoleIngest: {events.PrefixFetch + ">"}, RoleFetcher: {events.PrefixFetch + ">"}, // another attempt
		},
	},
	StreamCrunch: {
		worker: RoleCruncher,
		fill: map[Role][]string{
			RoleIngest: {events.PrefixCrunch + ">"}, RoleFetcher: {events.PrefixCrunch + ">"}, RoleCruncher: {events.PrefixCrunch + ">"},
		},
	},
	StreamResults: {
		worker: RoleSink,
		fill: map[Role][]string{
			RoleIngest: {events.PrefixResult + ">"}, RoleFetcher: {events.PrefixResult + "*"}, RoleCruncher: {events.PrefixResult + "*"},
			RoleSink: {events.PrefixResult + "*"}, // of items that were split
		},
	},
	StreamDone: {
		worker: RoleSink, // of the ends of batches
		fill:   map[Role][]string{RoleSink: {events.PrefixDone + ">", events.PrefixEvent + ">"}},
		read:   map[Role][]string{RoleClient: {events.PrefixDone + ">", events.PrefixEvent + ">"}, RoleOperator: {events.PrefixDone + ">", events.PrefixEvent + ">"}},
	},
	StreamNotices: {
		maker:   RoleSink,
		fill:    map[Role][]string{RoleSink: {events.PrefixNotice + ">"}, RoleOperator: {events.PrefixNotice + ">"}}, // operators replay them
		removal: []Role{RoleSink},                                                                                    // of those whose channel is gone
		look:    []Role{RoleSink},
	},
	StreamDead: {
		fill: map[Role][]string{
			RoleIngest:   {events.PrefixDead + string(events.StageIngest) + ".>"},
			RoleFetcher:  {events.PrefixDead + string(events.StageFetch) + ".>"},
			RoleCruncher: {events.PrefixDead + string(events.StageCrunch) + ".>"},
			RoleSink:     {events.PrefixDead + string(events.StageSink) + ".>", events.PrefixDead + string(events.StageNotice) + ".>"},
		},
		read:    map[Role][]string{RoleOperator: {events.PrefixDead + ">"}},
		removal: []Role{RoleOperator},
		look:    []Role{RoleSink}, // and tells people when there are more
	},
}

var buckets = map[string]bucketAccess{
	BucketControl: {
		put: map[Role][]string{
			RoleIngest:   {CancelKey(">"), NotifyKey(">"), WholeKey("*")},
			RoleSink:     {DeadMark, WholeKey("*")},
			RoleFetcher:  {trialKeys(events.StageFetch)},
			RoleCruncher: {trialKeys(events.StageCrunch)},
		},
		get: map[Role][]string{
			RoleSink:     {NotifyKey(">"), DeadMark, WholeKey("*")},
			RoleFetcher:  {trialKeys(events.StageFetch)},
			RoleCruncher: {trialKeys(events.StageCrunch)},
		},
		watch: map[Role][]string{RoleFetcher: {CancelKey(">")}, RoleCruncher: {CancelKey(">")}},
	},
	BucketValidators: {
		put: map[Role][]string{RoleFetcher: {">"}},
		get: map[Role][]string{RoleFetcher: {">"}},
	},
}

var objects = map[string]objectAccess{
	BucketBodies:  {read: []Role{RoleFetcher, RoleCruncher}, write: []Role{RoleFetcher}},
	BucketModules: {read: []Role{RoleCruncher, RoleOperator}, watch: []Role{RoleCruncher, RoleOperator}, write: []Role{RoleOperator}},
}

var requests = []request{
	{events.RunSubject("*"), RoleIngest, people()},
	{events.PrefixBatch + "*", RoleIngest, people()},
	{events.PrefixQuery + "*", RoleSink, append(people(), RoleIngest)},
	{events.PrefixUptime + "*", RoleSink, []Role{RoleOperator}},
	{events.PrefixChannel + "*", RoleSink, []Role{RoleOperator}},
	{events.LoadSubject(events.StageFetch), RoleFetcher, []Role{RoleOperator}},
	{events.LoadSubject(events.StageCrunch), RoleCruncher, []Role{RoleOperator}},
}

// forwarded is what others than those who were asked answer: the sink sends the result that was asked of ingest.
var forwarded = []request{{events.RunSubject("*"), RoleSink, people()}}

// talk is what instances of a role tell each other without a stream.
var talk = map[Role][]string{RoleFetcher: {SubjectFetchers}}

// SubjectFetchers is where fetchers tell each other what they need to know to be polite together.
const SubjectFetchers = "fetchmill.fetchers"
