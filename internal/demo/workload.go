package demo

import (
	"fmt"
	"math/rand/v2"
)

// batch is what is submitted to one recipe.
type batch struct {
	name, recipe string
	items        []string
	good         int // how many of them must end ok
}

// pages are paths of the site.
type pages struct {
	path string // with the number of the page
	n    int
	good bool
}

// workload is what the demonstration has to do. Among good pages there are some of every kind of trouble, in random order, and one
// address that the network guard must refuse.
func workload(url string) []batch {
	const none = "http://10.0.0.1/" // private, and not allowed
	checks := paths(url, "uptime", []pages{
		{"/fast/%d", 150, true}, {"/slow/%d?ms=400", 30, true}, {"/missing/%d", 25, false}, {"/fail/%d", 15, false}, {"/hang/%d", 10, false},
	})
	fetches := paths(url, "page", []pages{
		{"/fast/%d", 100, true},
		{"/size/%d0000", 20, true},
		{"/slow/%d?ms=800", 20, true},
		{"/flaky/%d", 20, true},
		{"/missing/%d", 15, false},
		{"/fail/%d", 10, false},
		{"/hang/%d", 5, false},
	})
	fetches.items = append(fetches.items, none)
	counts := batch{name: "count", recipe: "count", good: 10}
	for i := range counts.good {
		counts.items = append(counts.items, fmt.Sprint((i+1)*2_000_000))
	}
	return []batch{checks, fetches, counts}
}

func paths(url, recipe string, list []pages) batch {
	b := batch{name: recipe, recipe: recipe}
	for _, p := range list {
		for i := range p.n {
			b.items = append(b.items, url+fmt.Sprintf(p.path, i+1))
		}
		if p.good {
			b.good += p.n
		}
	}
	rand.Shuffle(len(b.items), func(i, j int) { b.items[i], b.items[j] = b.items[j], b.items[i] })
	return b
}
