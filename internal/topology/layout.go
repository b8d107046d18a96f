package topology

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Names of the streams.
const (
	StreamWork    = "WORK"
	StreamFetch   = "FETCH"
	StreamCrunch  = "CRUNCH"
	StreamResults = "RESULTS"
	StreamDone    = "DONE"
	StreamDead    = "DEAD"
	StreamNotices = "NOTICES"
)

// Names of the durable consumers on WORK and RESULTS. FETCH and CRUNCH have one for each lane, named by LaneConsumer, and NOTICES has one
// for each channel, which NoticeConsumer describes.
const (
	ConsumerIngest = "ingest"
	ConsumerSink   = "sink"
)

// BucketControl is the KV bucket of cancelled batches, of items that are tried because workers have died on them, and of items that were
// split and wait for the end of their parts; the keys are made by CancelKey, TrialKey and WholeKey.
const BucketControl = "control"

// BucketValidators is the KV bucket in which fetchers remember what servers call the versions that were fetched last. It is a cache:
// when it is full, nothing more is remembered until entries have become too old.
const BucketValidators = "validators"

// BucketBodies is the object store of bodies that are too large to travel in a message.
const BucketBodies = "bodies"

// BucketModules is the object store of modules of WebAssembly, which package modules keeps.
const BucketModules = "modules"

const (
	// validatorAge is how long an entry is kept after the whole body was fetched.
	validatorAge = 24 * time.Hour
	// validatorBytes is room for 10,000 entries with bodies of the largest size that is kept in them, and far more of the usual ones.
	validatorBytes = 256 << 20
)

// LaneConsumer names the consumer of a lane on FETCH or CRUNCH.
func LaneConsumer(lane events.Lane) string { return string(lane) }

// CancelKey is the key of BucketControl that says that a batch is cancelled.
func CancelKey(batch string) string { return "cancel." + batch }

// NotifyKey is the key of BucketControl that says, as a JSON list of channels, whom to tell when a batch has ended.
func NotifyKey(batch string) string { return "notify." + batch }

// DeadMark is the key of BucketControl that says up to which dead letter people were told.
const DeadMark = "told.dead"

// WholeKey is the key of BucketControl under which an item waits that was split into the items of a batch; its value is an events.Whole.
func WholeKey(batch string) string { return "whole." + batch }

// WholeSubject is the subject on which that key is put, for one who publishes it together with other messages.
func WholeSubject(batch string) string { return "$KV." + BucketControl + "." + WholeKey(batch) }

// TrialKey is the key of BucketControl that says how often the trial of an item was begun and not ended. Ids may have any
// characters, keys may not.
func TrialKey(stage events.Stage, item string) string {
	return trialPrefix + string(stage) + "." + events.IDFromKey(item)
}

const trialPrefix = "trial."

// trialKeys are all keys that TrialKey makes for a stage.
func trialKeys(stage events.Stage) string { return trialPrefix + string(stage) + ".>" }

// Layout is everything that has to exist on the broker.
type Layout struct {
	Streams   []jetstream.StreamConfig
	Consumers []Consumer
	Buckets   []jetstream.KeyValueConfig
	Objects   []jetstream.ObjectStoreConfig
}

// Consumer is a durable pull consumer and the stream that it belongs to.
type Consumer struct {
	Stream string
	jetstream.ConsumerConfig
}

// For returns the layout for a configuration, which must be valid.
func For(c Config) Layout {
	l := Layout{
		Streams: []jetstream.StreamConfig{
			queue(c, StreamWork, "what users publish", events.PrefixWork+">"),
			queue(c, StreamFetch, "items waiting for I/O", events.PrefixFetch+">"),
			queue(c, StreamCrunch, "items waiting for CPU", events.PrefixCrunch+">"),
			queue(c, StreamResults, "the sink's inbox", events.PrefixResult+">"),
			history(c, StreamDone, "what the sink has committed", c.DoneAge, c.DoneBytes, events.PrefixDone+">", events.PrefixEvent+">"),
			letters(c),
			messages(c),
		},
		Consumers: []Consumer{
			worker(c, StreamWork, ConsumerIngest, events.PrefixWork+">"),
			worker(c, StreamResults, ConsumerSink, events.PrefixResult+">"),
			BatchNotices(),
		},
		Buckets: []jetstream.KeyValueConfig{
			{
				Bucket: BucketControl, Description: "cancelled batches, items on which workers have died, and items that were split",
				TTL: c.DeadAge, Replicas: c.Replicas, Storage: jetstream.FileStorage,
			},
			{
				Bucket: BucketValidators, Description: "what servers call the versions that were fetched last",
				TTL: validatorAge, MaxBytes: validatorBytes, Replicas: c.Replicas, Storage: jetstream.FileStorage,
			},
		},
	}
	l.Objects = []jetstream.ObjectStoreConfig{{
		Bucket: BucketBodies, Description: "bodies that are too large to travel in a message",
		TTL: c.BodiesAge, MaxBytes: c.BodiesBytes, Replicas: c.Replicas, Storage: jetstream.FileStorage,
	}, {
		Bucket: BucketModules, Description: "modules of WebAssembly that items can be computed with",
		MaxBytes: -1, Replicas: c.Replicas, Storage: jetstream.FileStorage,
	}}
	for _, lane := range events.Lanes() {
		l.Consumers = append(l.Consumers,
			worker(c, StreamFetch, LaneConsumer(lane), events.PrefixFetch+string(lane)+".>"),
			worker(c, StreamCrunch, LaneConsumer(lane), events.PrefixCrunch+string(lane)+".>"))
	}
	return l
}

// queue is a stream whose messages leave it when they are acknowledged, and that refuses instead of dropping when it is full.
func queue(c Config, name, description, subject string) jetstream.StreamConfig {
	s := stream(c, name, description, subject)
	s.Retention = jetstream.WorkQueuePolicy
	s.Discard = jetstream.DiscardNew
	s.MaxBytes = c.MaxBytes
	return s
}

// history is a stream that anyone may read again until its messages are too old.
func history(c Config, name, description string, age time.Duration, maxBytes int64, subjects ...string) jetstream.StreamConfig {
	s := stream(c, name, description, subjects...)
	s.Retention = jetstream.LimitsPolicy
	s.Discard = jetstream.DiscardOld
	s.MaxBytes = maxBytes
	s.MaxAge = age
	return s
}

// letters are few, so their window can outlast a redelivery: a worker that dies while it writes one leaves no second.
func letters(c Config) jetstream.StreamConfig {
	s := history(c, StreamDead, "what could not be done", c.DeadAge, -1, events.PrefixDead+">")
	s.Duplicates = 2 * c.AckWait
	return s
}

// noticeWindow is how long the broker itself remembers notices: what makes them may decide on one again after a crash.
const noticeWindow = time.Hour

// messages to people are few, so their window can outlast whatever makes them.
func messages(c Config) jetstream.StreamConfig {
	s := queue(c, StreamNotices, "what people are to be told", events.PrefixNotice+"*")
	s.Duplicates = noticeWindow
	return s
}

func stream(c Config, name, description string, subjects ...string) jetstream.StreamConfig {
	s := jetstream.StreamConfig{
		Name: name, Description: description, Subjects: subjects,
		Storage: jetstream.FileStorage, Replicas: c.Replicas, Duplicates: c.DuplicateWindow,
		MaxMsgs: -1, MaxMsgsPerSubject: -1, MaxConsumers: -1, AllowDirect: true,
	}
	if c.Persist == PersistAsync {
		s.PersistMode = jetstream.AsyncPersistMode
	}
	return s
}

// worker is a pull consumer shared by all replicas of a service. Deliveries are not limited here: the worker that receives one
// too many ends the item as failed (docs/adr/0004), so that no message ever stays in a queue unseen. Pending acknowledgements are
// not limited either: workers pull no more than they can hold, and delayed retries must not take the places of fresh work.
func worker(c Config, stream, name, filter string) Consumer {
	return Consumer{Stream: stream, ConsumerConfig: jetstream.ConsumerConfig{
		Durable: name, Name: name, FilterSubject: filter,
		DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: c.AckWait, MaxDeliver: -1, MaxAckPending: -1, MaxWaiting: 4096,
	}}
}

// BatchNotices is the durable consumer on DONE of those who make notices of the ends of batches. What had ended before it was made is
// not told any more.
func BatchNotices() Consumer {
	return Consumer{Stream: StreamDone, ConsumerConfig: jetstream.ConsumerConfig{
		Durable: "batch-notices", Name: "batch-notices", FilterSubject: events.SubjectBatchDone,
		DeliverPolicy: jetstream.DeliverNewPolicy, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: noticeAckWait, MaxDeliver: -1, MaxAckPending: -1, MaxWaiting: 512,
	}}
}

// NoticeConsumer is the durable consumer of a channel, named after it. Channels are known only to the operator's file, so the layout has
// none of these: the sink makes those of its channels. Each channel has one of its own so that what waits for a channel that is down
// stays in the stream, in its order, and takes nobody else's place.
func NoticeConsumer(channel string) Consumer {
	return Consumer{Stream: StreamNotices, ConsumerConfig: jetstream.ConsumerConfig{
		Durable: channel, Name: channel, FilterSubject: events.NoticeSubject(channel),
		DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: noticeAckWait, MaxDeliver: -1, MaxAckPending: -1, MaxWaiting: 512,
	}}
}

// noticeAckWait is after how long another sink sends what one has had in hand when it died.
const noticeAckWait = 30 * time.Second
