package uptime

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Target is a target that is ready to be looked at. It does not change and may be used from many goroutines.
type Target struct {
	events.Target
	Num uint32 // in the database
	// Revision counts how often what is asked has changed, so that answers to the old question are told from those to the new one.
	Revision int
	// Site is what the target shares with others that fail together with it: the host.
	Site string

	offset     Instant
	conditions []condition
	windows    []window
}

// Prepare checks a target's configuration and makes it ready. Its error says what to write instead.
func Prepare(num uint32, revision int, spec events.Target) (*Target, error) {
	t := &Target{Target: spec, Num: num, Revision: revision, Site: Site(spec)}
	for i, text := range spec.Conditions {
		c, err := compileCondition(text)
		if err != nil {
			return nil, fmt.Errorf("condition %d: %w", i+1, err)
		}
		t.conditions = append(t.conditions, c)
	}
	for i, m := range spec.Maintenance {
		w, err := newWindow(m)
		if err != nil {
			return nil, fmt.Errorf("maintenance %d: %w", i+1, err)
		}
		t.windows = append(t.windows, w)
	}
	if spec.IntervalMS <= 0 {
		return nil, fmt.Errorf("interval %s: it must be positive", spec.Interval())
	}
	t.offset = offset(spec.Name, spec.Interval())
	return t, nil
}

// Site finds the host among the parameters that name one: that of a URL, or of an address with a port, or the host or name itself. A
// target that has none of these is a site by itself.
func Site(spec events.Target) string {
	var p struct{ URL, Address, Host, Name string }
	if json.Unmarshal(spec.Params, &p) != nil {
		return "target:" + spec.Name
	}
	if u, err := url.Parse(p.URL); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	if host, _, err := net.SplitHostPort(p.Address); err == nil && host != "" {
		return host
	}
	for _, host := range []string{p.Host, p.Address, p.Name} {
		if host != "" {
			return host
		}
	}
	return "target:" + spec.Name
}
