package governor

import (
	"math"
	"time"
)

// step is what happened between two looks at the workers.
type step struct {
	elapsed time.Duration
	done    uint64        // for good
	again   uint64        // items that will come again
	busy    time.Duration // of all workers together
	full    time.Duration // how long all allowed workers were at work
	cpu     time.Duration // that the process has computed
	latency time.Duration // how long goroutines that could run waited for a CPU, on average
	short   bool          // this machine had no more of something to give
	room    int           // how many workers there is memory for
}

const (
	// inUse is for what share of the time all allowed workers must be at work before anything can be learnt about their number.
	inUse = 0.1
	// growth and shrinkage are what the number is multiplied by for a trial.
	growth, shrinkage = 2.0, 0.7
	// worthwhile is how much more must be done for more workers, as a power of the growth: for twice as many a ninth more.
	worthwhile = 0.15
	// harmless is how much of the throughput must be left with fewer workers.
	harmless = 0.97
	// backOff is what is left of the number when this machine is short of something.
	backOff = 0.7
)

const (
	// saturated is the average wait for a CPU that shows that there is no CPU time left. More workers can still do more then, because
	// much of the work is cheaper when it is done for many items together. From crowded on that is not even tried, but fewer
	// are, and from overloaded on fewer are right whatever is done: everything else in the process waits as well.
	saturated  = 300 * time.Microsecond
	crowded    = 100 * time.Millisecond
	overloaded = 500 * time.Millisecond
	patience   = 3 // looks
	// A measurement takes as long as an item stays, within these bounds, and so does the time before it in which the new
	// number makes itself felt.
	shortestSettling = 100 * time.Millisecond
	shortestStart    = 250 * time.Millisecond // while it is only growing, and there is CPU time left
	shortestTrial    = 2 * time.Second
	longest          = 5 * time.Second
	// fewest is how many items must be done in a measurement, unless it takes too long.
	fewest = 50
	// few are too few to compare anything.
	few = 20
	// After a trial that brought nothing the next one waits, each time longer.
	firstRest, longestRest = 2 * time.Second, 30 * time.Second
	// memorable is for how long the throughput before it was lowered step by step is what further steps are compared with.
	memorable = time.Minute
)

// climber looks for the number of workers at which more of them bring no more throughput. It only ever compares the throughput of different
// numbers: that a host has become slow makes it fall at the same number, which says nothing about the number.
//
// Where there is no CPU time left, more done per CPU time counts as more throughput, too: it is what limits it then, and other programs on the
// machine that come and go do not disturb it.
type climber struct {
	cfg       Config
	limit     int
	growing   bool          // so far every trial was a success
	settling  time.Duration // left
	waits     int           // looks in a row at which the CPU was overloaded
	last      measurement
	usual     measurement // of the number outside trials
	trial     trial
	rest      time.Duration // between trials, the next time
	resting   time.Duration // left
	turn      bool          // whether the next trial without overload is a downward one
	reference measurement   // what shrinking step by step is compared with
	shrunk    time.Duration // since reference was taken

	window    window
	residence time.Duration // how long an item stayed, lately
}

// measurement is what came of a window.
type measurement struct {
	full       float64 // share of the time in which all workers were at work
	rate       float64 // items per second
	items      uint64  // done
	again      uint64  // items that will come again
	efficiency float64 // items per second of CPU time
	latency    time.Duration
}

// gain is how many times as much is done as in another measurement.
// That is NaN if hardly anything has come to an end yet, as answers take their time. Items that only come again and again are no gain.
func (m measurement) gain(over measurement) float64 {
	if m.items < few && over.items < few {
		if m.again > few {
			return 1
		}
		return math.NaN()
	}
	gain := m.rate / over.rate
	if m.latency > saturated && over.latency > saturated {
		gain = max(gain, m.efficiency/over.efficiency)
	}
	return gain
}

// and is the mean of two measurements of the same number, of which the later one weighs more than any before it.
func (m measurement) and(later measurement) measurement {
	if m == (measurement{}) {
		return later
	}
	return measurement{
		full: later.full, items: m.items + later.items, again: m.again + later.again, rate: (m.rate + later.rate) / 2,
		efficiency: (m.efficiency + later.efficiency) / 2, latency: (m.latency + later.latency) / 2,
	}
}

// trial is a changed number that has to prove itself.
type trial struct {
	from   int // 0 if there is none
	before measurement
}

// window is what is being measured.
type window struct {
	elapsed, busy, full, cpu time.Duration
	done, again              uint64
	waited                   float64 // latency times elapsed
}

// ended is how many items have left their workers. It is a Duration to divide by.
func (w window) ended() time.Duration { return time.Duration(w.done + w.again) }

func (w window) measurement() measurement {
	return measurement{
		full: w.full.Seconds() / w.elapsed.Seconds(), items: w.done, again: w.again, rate: float64(w.done) / w.elapsed.Seconds(),
		efficiency: float64(w.done) / max(w.cpu, time.Microsecond).Seconds(),
		latency:    time.Duration(w.waited / w.elapsed.Seconds()),
	}
}

func newClimber(cfg Config) *climber {
	return &climber{cfg: cfg, limit: cfg.First, growing: true, rest: firstRest}
}

// next takes in what happened and returns the number of workers from now on, and why it changed.
func (c *climber) next(s step) (limit int, why string) {
	before := c.limit
	switch most := min(c.cfg.Most, s.room); {
	case s.short:
		why = "out of files, ports or buffers"
		c.retreat(int(float64(c.limit) * backOff))
	case c.limit > most && c.limit > c.cfg.Least:
		why = "memory budget"
		c.retreat(most)
	case c.overloaded(s.latency):
		why = "CPU overloaded"
		c.retreat(int(float64(c.limit) * backOff))
	default:
		why = c.measure(s, most)
	}
	c.limit = max(c.limit, c.cfg.Least)
	if c.limit != before {
		c.settling = min(max(c.residence, shortestSettling), longest)
		c.window = window{}
		c.usual = measurement{}
	}
	return c.limit, why
}

// overloaded tells whether the wait for a CPU has been unbearable several times in a row: a machine that has slept once is not overloaded.
func (c *climber) overloaded(latency time.Duration) bool {
	if latency <= overloaded {
		c.waits = 0
		return false
	}
	c.waits++
	if c.waits < patience {
		return false
	}
	c.waits = 0
	return true
}

// retreat lowers the number at once, and leaves it there for a while.
func (c *climber) retreat(to int) {
	c.limit, c.trial, c.growing = to, trial{}, false
	c.rest, c.resting = longestRest, longestRest
}

func (c *climber) measure(s step, most int) (why string) {
	c.resting = max(0, c.resting-s.elapsed)
	c.shrunk += s.elapsed
	if c.settling > 0 {
		c.settling -= s.elapsed
		return ""
	}
	w := &c.window
	w.elapsed += s.elapsed
	w.busy += s.busy
	w.full += s.full
	w.cpu += s.cpu
	w.done += s.done
	w.again += s.again
	w.waited += float64(s.latency) * s.elapsed.Seconds()
	if !c.complete() {
		return ""
	}
	m := w.measurement()
	if over := w.busy.Seconds() / (float64(c.limit) * w.elapsed.Seconds()); over > 1 {
		m.rate /= over // more were at work than allowed, as parked ones went on: that is not the limit's doing
	}
	if n := w.ended(); n > 0 {
		c.residence = w.busy / n
	}
	c.last, c.window = m, window{}
	switch {
	case c.trial.from == 0 && m.full < inUse:
		return ""
	case c.trial.from == 0:
		c.usual = c.usual.and(m)
		return c.begin(c.usual, most)
	case c.limit > c.trial.from:
		return c.judgeGrowth(m, most)
	default:
		return c.judgeShrinkage(m, most)
	}
}

func (c *climber) complete() bool {
	w := c.window
	shortest := shortestTrial
	if c.growing && w.waited <= float64(saturated)*w.elapsed.Seconds() {
		shortest = shortestStart
	}
	return w.elapsed >= longest || (w.ended() >= fewest && w.elapsed >= max(shortest, w.busy/w.ended()))
}

// begin starts a trial, if it is time for one.
func (c *climber) begin(m measurement, most int) (why string) {
	by := growth
	if m.latency > crowded || (c.turn && !c.growing) {
		by = shrinkage
	}
	if c.resting > 0 {
		return ""
	}
	c.turn = !c.turn
	to := max(c.cfg.Least, min(most, int(math.Round(float64(c.limit)*by))))
	if to == c.limit { // at one of the ends
		c.growing, c.resting = false, c.rest
		return ""
	}
	if by < 1 && (c.reference.rate == 0 || c.shrunk > memorable) {
		c.reference, c.shrunk = m, 0
	}
	c.trial, c.limit = trial{c.limit, m}, to
	if by > 1 {
		return "trying more"
	}
	return "trying fewer"
}

func (c *climber) judgeGrowth(m measurement, most int) (why string) {
	if m.gain(c.trial.before) < math.Pow(float64(c.limit)/float64(c.trial.from), worthwhile) {
		return c.undo(m)
	}
	c.trial, c.reference = trial{}, measurement{}
	c.rest, c.resting, c.turn = firstRest, 0, false
	return c.begin(m, most) // straight on
}

func (c *climber) judgeShrinkage(m measurement, most int) (why string) {
	if !(m.gain(c.reference) >= harmless) { // nor if it cannot be told
		return c.undo(m)
	}
	c.trial = trial{}
	c.rest, c.resting, c.turn = firstRest, 0, true
	return c.begin(m, most)
}

// undo goes back to where the trial began, and lets the next one wait.
func (c *climber) undo(m measurement) (why string) {
	c.limit, c.trial = c.trial.from, trial{}
	c.resting = c.rest
	if m.full < inUse {
		return "not in use"
	}
	c.growing = false
	c.rest = min(c.rest*3/2, longestRest)
	return "brought nothing"
}
