package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/replicas"
)

type replicaCmd struct{}

func (*replicaCmd) Run(intake context.Context, hurry hurry, s *session) error {
	var cfg app.Config
	orders, err := replicas.Read(s.stdin, &cfg)
	if err != nil {
		return err
	}
	cfg.WASM.Compiler = compiler
	work := context.Context(hurry)
	intake, work = orders.Follow(intake, work)
	log := s.log.With("replica", os.Getpid())
	ended := make(chan struct{})
	defer close(ended)
	go func() { // the broker went with whoever started us: nothing can be handed back, and nobody may be kept waiting
		select {
		case <-ended:
			return
		case <-orders.Gone():
		}
		select {
		case <-ended:
		case <-time.After(replicas.Grace):
			log.Error("whoever has started this replica is gone, and it does not end by itself")
			os.Exit(host.ExitInterrupted)
		}
	}()
	a, err := app.New(intake, cfg, log)
	if err != nil {
		if intake.Err() != nil {
			return nil // asked to end before it had begun
		}
		return err
	}
	return a.Run(intake, work)
}

// replica makes a process of this very program that is another instance of a service. What it logs goes where our log goes.
func (s *session) replica() (func() *exec.Cmd, error) {
	path, err := selfPath()
	if err != nil {
		return nil, errors.Join(errors.New("--autoscale: this program does not know where its file is"), err)
	}
	return func() *exec.Cmd {
		cmd := exec.CommandContext(context.Background(), path, "replica", "--log-level", s.LogLevel, "--log-format", s.LogFormat) //nolint:gosec // this program, which ends with its input
		cmd.Args[0] = "fetchmill"
		cmd.Stderr = s.stderr
		return cmd
	}, nil
}
