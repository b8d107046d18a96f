package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/fetchmill/fetchmill/internal/keys"
)

const kubernetes = "../../deploy/kubernetes/base/"

// workload is what is read of a Deployment or Job.
type workload struct {
	Kind string `yaml:"kind"`
	Spec struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Name, Image string
					Args        []string
					Env         []struct{ Name string }
				}
			}
		}
	}
}

// TestKubernetes_starts_commands_that_exist reads the arguments in the manifests with the real command line.
func TestKubernetes_starts_commands_that_exist(t *testing.T) {
	files, err := filepath.Glob(kubernetes + "*.yaml")
	require.NoError(t, err)
	started := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for documents := yaml.NewDecoder(bytes.NewReader(data)); ; {
			var w workload
			err := documents.Decode(&w)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, file)
			for _, c := range w.Spec.Template.Spec.Containers {
				if c.Image != "fetchmill" {
					continue
				}
				var all commands
				parser, err := newParser(&all, io.Discard, io.Discard)
				require.NoError(t, err)
				parsed, err := parser.Parse(c.Args)
				require.NoError(t, err, "%s: %s", file, c.Name)
				started[parsed.Command()] = true
				for _, v := range c.Env {
					require.True(t, knownVariable(v.Name), "%s: nothing reads %s", file, v.Name)
				}
			}
		}
	}
	require.Equal(t, map[string]bool{"setup": true, "ingest": true, "fetcher": true, "cruncher": true, "sink": true}, started)
}

// knownVariable tells whether a command, the client of NATS or Go itself looks at a variable.
func knownVariable(name string) bool {
	if name == "NATS_URL" || name == "GOMEMLIMIT" {
		return true
	}
	var all commands
	parser, err := newParser(&all, io.Discard, io.Discard)
	if err != nil {
		return false
	}
	for _, command := range parser.Model.Leaves(false) {
		for _, group := range command.AllFlags(false) {
			for _, flag := range group {
				for _, env := range flag.Envs {
					if env == name {
						return true
					}
				}
			}
		}
	}
	return false
}

// TestKubernetes_configures_the_broker_with_what_it_knows reads its configuration as nats-server does.
func TestKubernetes_configures_the_broker_with_what_it_knows(t *testing.T) {
	t.Setenv("POD_NAME", "nats-1")
	dir := t.TempDir()
	_, err := keys.Make(filepath.Join(dir, "keys"), keys.Options{})
	require.NoError(t, err)
	require.NoError(t, os.Symlink(filepath.Join(dir, "keys", "broker"), filepath.Join(dir, "users")))
	conf, err := os.ReadFile(kubernetes + "nats.conf")
	require.NoError(t, err)
	file := filepath.Join(dir, "nats.conf")
	require.NoError(t, os.WriteFile(file, conf, 0o600))

	opts, err := server.ProcessConfigFile(file)
	require.NoError(t, err)
	require.Equal(t, "nats-1", opts.ServerName)
	require.Equal(t, []int{4222, 8222, 6222}, []int{opts.Port, opts.HTTPPort, opts.Cluster.Port})
	require.Len(t, opts.Routes, 3)
	for i, route := range opts.Routes {
		require.Equal(t, "nats-"+string(rune('0'+i))+".nats:6222", route.Host)
	}
	require.NotEmpty(t, opts.Nkeys)
	require.Less(t, opts.LameDuckGracePeriod, opts.LameDuckDuration)
	require.True(t, strings.HasPrefix(opts.PidFile, "/tmp/"), "the rest of the file system is read-only")
}
