package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// trials tell the item that kills its workers from those that were on the same workers by bad luck: whoever dies takes everything
// with it that it holds, and all of it is delivered once more. So an item whose deliveries are spent is tried once more by
// itself. A note on the broker, made before and struck off after, tells later workers if this one did not live to the end.
//
// A worker holds one trial at a time, and none before it has lived so long that whatever killed the one before it has come again. So
// it is not the innocent that is on trial when another item kills the worker.
type trials struct {
	stage events.Stage
	log   *slog.Logger
	kv    jetstream.KeyValue
	opens time.Time
	held  sync.Mutex // while a trial is
}

const (
	// maxTrials is how many trials an item may leave without an end before it is found guilty. One may have been cut short
	// by something else, such as a machine that was switched off.
	maxTrials = 2
	// trialRest is how long a suspect rests, at least, when its trial cannot begin.
	trialRest = time.Second
)

// open says when trials may begin.
func (t *trials) open(ctx context.Context, nc *nats.Conn, stream string) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	if t.kv, err = js.KeyValue(ctx, topology.BucketControl); err != nil {
		return fmt.Errorf("bucket %s: %w", topology.BucketControl, topology.Advise(err))
	}
	consumer, err := js.Consumer(ctx, stream, topology.LaneConsumer(events.LaneNormal))
	if err != nil {
		return fmt.Errorf("consumer %s of stream %s: %w", events.LaneNormal, stream, topology.Advise(err))
	}
	t.opens = time.Now().Add(consumer.CachedInfo().Config.AckWait + trialRest)
	return nil
}

// trial is what comes of asking for a trial.
type trial struct {
	rest   time.Duration // if not zero, it cannot begin before
	guilty bool
	end    func() // to be called when the item's step has ended, however it ended
}

// begin begins the trial of an item, if it can begin now.
func (t *trials) begin(ctx context.Context, item string) trial {
	rest := trialRest + rand.N(trialRest)
	if early := time.Until(t.opens); early > 0 {
		return trial{rest: early + rest}
	}
	if !t.held.TryLock() {
		return trial{rest: rest}
	}
	key := topology.TrialKey(t.stage, item)
	before, err := t.unfinished(ctx, key)
	if err == nil && before < maxTrials {
		_, err = t.kv.PutString(ctx, key, strconv.Itoa(before+1))
	}
	if err != nil {
		t.held.Unlock()
		t.log.Warn("an item whose workers died cannot be tried by itself yet", "item", item, "error", err)
		return trial{rest: rest}
	}
	if before >= maxTrials {
		t.held.Unlock()
		return trial{guilty: true}
	}
	return trial{end: func() {
		t.strikeOff(ctx, key)
		t.held.Unlock()
	}}
}

// unfinished is how many trials were begun and not ended.
func (t *trials) unfinished(ctx context.Context, key string) (int, error) {
	entry, err := t.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(entry.Value()))
}

// strikeOff forgets a trial that its worker has survived.
func (t *trials) strikeOff(ctx context.Context, key string) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := t.kv.Delete(ctx, key); err != nil {
		t.log.Warn("the note about a trial stays; it counts against the item if it ever comes to a trial again", "key", key, "error", err)
	}
}
