package wasm

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
)

// faultTime is how long a module that cannot be run is remembered as such, so that a batch of items does not try it again and again.
const faultTime = time.Minute

// kept are the modules that are compiled or being compiled.
type kept struct {
	modules int   // at most, when nobody uses them
	bytes   int64 // likewise

	mu      sync.Mutex
	entries map[string]*entry // by hash
	used    int64             // bytes of the entries
	clock   int64             // counts uses
}

// entry is one module. Its fields after ready are set before that is closed.
type entry struct {
	hash  string
	ready chan struct{}

	err      error
	until    time.Time // of an error
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	module   compiledModule

	// guarded by kept.mu
	users   int
	lastUse int64
	gone    bool // not among the entries any more
}

// take returns the entry of a module. fresh means that it is new: the caller has to see that it is filled or failed, and then to
// release it once more.
func (k *kept) take(hash string, now time.Time) (m *entry, fresh bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.clock++
	m = k.entries[hash]
	if m != nil && m.stale(now) {
		k.drop(m)
		m = nil
	}
	if m == nil {
		m, fresh = &entry{hash: hash, ready: make(chan struct{})}, true
		k.entries[hash] = m
		m.users++
	}
	m.users++
	m.lastUse = k.clock
	return m, fresh
}

// isReady tells whether a module is compiled, or will not be.
func (m *entry) isReady() bool {
	select {
	case <-m.ready:
		return true
	default:
		return false
	}
}

// stale tells whether it is time to try a module again.
func (m *entry) stale(now time.Time) bool { return m.isReady() && m.err != nil && now.After(m.until) }

// drop takes an entry out of the list; who uses it still has it.
func (k *kept) drop(m *entry) {
	if !m.gone {
		m.gone = true
		k.used -= m.module.size
		delete(k.entries, m.hash)
	}
}

// failed ends an entry with an error, which is remembered only if it is the module's.
func (k *kept) failed(m *entry, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	m.err = err
	if IsModule(err) {
		m.until = time.Now().Add(faultTime)
	} else {
		k.drop(m)
	}
	close(m.ready)
}

// filled ends an entry with a module that can be run.
func (k *kept) filled(m *entry, runtime wazero.Runtime, compiled wazero.CompiledModule, module compiledModule) {
	k.mu.Lock()
	defer k.mu.Unlock()
	m.runtime, m.compiled, m.module = runtime, compiled, module
	k.used += module.size
	close(m.ready)
}

// release says that a user is done with a module.
func (k *kept) release(m *entry) error {
	k.mu.Lock()
	m.users--
	var closing []*entry
	for k.crowded() {
		oldest := k.oldest()
		if oldest == nil {
			break
		}
		k.drop(oldest)
		closing = append(closing, oldest)
	}
	if m.gone && m.users == 0 && !slices.Contains(closing, m) {
		closing = append(closing, m)
	}
	k.mu.Unlock()
	return closeAll(closing)
}

func (k *kept) crowded() bool { return len(k.entries) > k.modules || k.used > k.bytes }

// oldest is the module that has not been used for longest, of those that nobody uses.
func (k *kept) oldest() *entry {
	var oldest *entry
	for _, m := range k.entries {
		if m.users == 0 && (oldest == nil || m.lastUse < oldest.lastUse) {
			oldest = m
		}
	}
	return oldest
}

func (k *kept) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []*entry
	for _, m := range k.entries {
		all = append(all, m)
	}
	for _, m := range all {
		k.drop(m)
	}
	return closeAll(all)
}

func closeAll(list []*entry) error {
	ctx := context.Background()
	var errs []error
	for _, m := range list {
		if m.runtime != nil {
			errs = append(errs, m.compiled.Close(ctx), m.runtime.Close(ctx))
		}
	}
	return errors.Join(errs...)
}

// ready tells whether a module need not be waited for.
func (k *kept) ready(hash string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := k.entries[hash]
	return m != nil && m.isReady()
}
