package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/porttest"
)

// Node is one of the servers of a cluster. The others reach it, and it reaches them, by links that a test can cut.
type Node struct {
	Name    string
	Spec    Spec
	clients string // address for clients
	links   []*Link
}

// URL is where clients connect.
func (n Node) URL() string { return "nats://" + n.clients }

// Cut separates the node from the others. Its clients still reach it.
func (n Node) Cut() {
	for _, l := range n.links {
		l.Cut()
	}
}

// Join ends the separation.
func (n Node) Join() {
	for _, l := range n.links {
		l.Join()
	}
}

// NewCluster finds ports and folders for the servers of a cluster, as many as names.
func NewCluster(tb testing.TB, path string, names ...string) []Node {
	tb.Helper()
	routes, nodes := make([]string, len(names)), make([]Node, len(names))
	for i, name := range names {
		routes[i] = porttest.FreeAddress(tb)
		nodes[i] = Node{Name: name, clients: porttest.FreeAddress(tb)}
	}
	for i := range nodes {
		var to []string
		for j := range nodes {
			if i == j {
				continue
			}
			l := NewLink(tb, routes[j])
			nodes[i].links, nodes[j].links = append(nodes[i].links, l), append(nodes[j].links, l)
			to = append(to, "nats-route://"+l.Address)
		}
		dir := tb.TempDir()
		config := filepath.Join(dir, "nats.conf")
		// Servers tell each other where they can be reached, which would go around the links: nobody is at what they say here.
		text := fmt.Sprintf("server_name: %s\nlisten: %q\njetstream { store_dir: %q }\ncluster { name: mill, listen: %q, advertise: %q, no_advertise: true, routes: [%s] }\n",
			names[i], nodes[i].clients, dir, routes[i], "127.0.0.1:1", strings.Join(to, ", "))
		require.NoError(tb, os.WriteFile(config, []byte(text), 0o600))
		nodes[i].Spec = Spec{Path: path, Args: []string{"--config", config}}
	}
	return nodes
}
