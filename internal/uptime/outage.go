package uptime

import "time"

// Policy says when the fault is on our side: when of the sites that were looked at since a target began to fail nearly all fail. There must
// be some others for that, or nobody can say.
type Policy struct {
	Share int `json:"share"` // of the sites, in percent, that must fail; 0 never takes the fault for ours
	Sites int `json:"sites"` // that must have been looked at
	// Wait is how long at most a target is not called down because too few others have been looked at since it began to fail.
	Wait     time.Duration `json:"wait"`
	Channels []string      `json:"channels,omitempty"` // on which it is told; none means all channels of the targets that are concerned
}

// DefaultPolicy is that of an operator who says nothing about it.
func DefaultPolicy() Policy { return Policy{Share: 80, Sites: 5, Wait: time.Minute} }

// Outage is a time in which the fault was on our side: from Since on, before Until.
type Outage struct {
	Since      Instant
	Until      Instant // 0 while it lasts
	Recovering Instant // since when something answers again, as far as is known; 0 for nothing
	Sites      int     // that were looked at when it was found out
	Failing    int     // of them did not answer
}

func (o Outage) covers(i Instant) bool { return o.Since <= i && (o.Until == 0 || i < o.Until) }

// Witness is what is known about our own connection from one target.
type Witness struct {
	Target   uint32
	Site     string
	Evidence Evidence
	At       Instant // since when it says so
}

// share tells how many sites have answered, or begun to fail, since an instant, and how many of them fail. A site fails if all of its
// targets do.
func share(list []Witness, since Instant) (sites, failing int) {
	fails := make(map[string]bool, len(list))
	for _, w := range list {
		if w.At < since || w.Evidence == SaysNothing {
			continue
		}
		before, seen := fails[w.Site]
		fails[w.Site] = w.Evidence == Fails && (before || !seen)
	}
	for _, f := range fails {
		if f {
			failing++
		}
	}
	return len(fails), failing
}

func (p Policy) begins(sites, failing int) bool {
	return sites >= p.Sites && failing*100 >= p.Share*sites
}

// ends needs fewer than half of the sites to fail, so that an outage does not begin and end again and again.
func (p Policy) ends(sites, failing int) bool { return sites >= p.Sites && failing*2 < sites }
