package replicas

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// maxInput bounds the first line.
const maxInput = 1 << 20

// Orders are what a process that was started by a Pool is told.
type Orders struct {
	in   *bufio.Reader
	gone chan struct{}
}

// Read reads what to do into config. Follow must be called then.
func Read(in io.Reader, config any) (*Orders, error) {
	o := &Orders{in: bufio.NewReaderSize(in, maxInput), gone: make(chan struct{})}
	line, err := o.in.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("read what to do: %w; 'fetchmill up --autoscale' starts this command by itself", err)
	}
	if err := json.Unmarshal(line, config); err != nil {
		return nil, fmt.Errorf("read what to do: %w", err)
	}
	return o, nil
}

// Gone is closed when whoever has started this process is gone. Then there is nobody left to work for.
func (o *Orders) Gone() <-chan struct{} { return o.gone }

// Follow turns orders into the end of two contexts, as signals do (host.Signals), until the input ends, which ends both. It is called once.
func (o *Orders) Follow(intake, work context.Context) (newIntake, newWork context.Context) {
	newWork, hurry := context.WithCancel(work)
	newIntake, drain := context.WithCancel(intake)
	context.AfterFunc(newWork, drain)
	go func() { // ends with the input, which is the process's own
		defer close(o.gone)
		defer hurry()
		for {
			line, err := o.in.ReadSlice('\n')
			if err != nil {
				return
			}
			switch string(line) {
			case orderDrain:
				drain()
			case orderHurry:
				hurry()
			}
		}
	}()
	return newIntake, newWork
}
