package wasm

import (
	"context"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"
)

// The meter makes programs stoppable. Every function counts down a global variable of the module, its fuel, at its beginning and at the
// beginning of each loop, by the number of bytes of instructions that may be run until the next time. When the fuel is used up it asks the
// host for more, which ends the program if its context has ended. The runtime has a check of its own, but that is in loops only, so that it
// does not end functions that call each other, and it makes a call to the host in each round of a loop.
//
// Calling the host often is also what lets the garbage collector of this process go on, which waits for all that run.
const (
	meterModule = "fetchmill"
	refuelName  = "refuel"

	// tank is how much the host gives: about a millisecond.
	tank = 1 << 20
	// bulkWeight is what an instruction counts that may work on all of the memory.
	bulkWeight = 1 << 16
	// maxPoints bounds what the meter adds to a module.
	maxPoints = 1_000_000
)

var (
	refuelType = []byte{0x60, 0, 1, 0x7e}                        // () -> (i64)
	fuelGlobal = []byte{0x7e, 1, opI64Const, 0, opEnd}           // an i64 that changes; nothing to begin with
	lookAtFuel = []byte{opI64Const, 0, 0x53, opIf, 0x40, opCall} // if it is less than 0 call
)

// weightBytes is the length of a weight, so that it can be filled in when it is known.
const weightBytes = 4

// point writes the instructions that count down, and returns where their weight has to be put.
func (in *inspection) point(c *cursor) (weight int) {
	if in.points++; in.points > maxPoints {
		c.fail("it has more than %d functions and loops", maxPoints)
	}
	fuel := uint32(in.globals)
	c.out = append(appendU32(append(c.out, opGlobalGet), fuel), opI64Const)
	weight = len(c.out)
	c.out = append(c.out, make([]byte, weightBytes)...)
	c.out = append(c.out, opI64Sub, opGlobalSet)
	c.out = append(appendU32(c.out, fuel), opGlobalGet)
	c.out = append(appendU32(c.out, fuel), lookAtFuel...)
	c.out = append(appendU32(c.out, uint32(len(in.imports))), opGlobalSet)
	c.out = append(appendU32(c.out, fuel), opEnd)
	return weight
}

// setWeight fills in a weight, less than 2^27, as a signed number of four bytes.
func (c *cursor) setWeight(at, weight int) {
	if c.err != nil {
		return
	}
	for i := range weightBytes {
		c.out[at+i] = byte(weight>>(7*i))&0x7f | 0x80
	}
	c.out[at+weightBytes-1] &= 0x7f
}

// stop ends a program whose context has ended.
func stop(ctx context.Context) {
	if ctx.Err() != nil {
		panic(sys.NewExitError(sys.ExitCodeContextCanceled))
	}
}

// instantiateMeter makes the host's side of the meter.
func instantiateMeter(ctx context.Context, runtime wazero.Runtime) error {
	refuel := func(ctx context.Context, stack []uint64) {
		stop(ctx)
		stack[0] = tank
	}
	_, err := runtime.NewHostModuleBuilder(meterModule).NewFunctionBuilder().
		WithGoFunction(api.GoFunc(refuel), nil, []api.ValueType{api.ValueTypeI64}).Export(refuelName).Instantiate(ctx)
	return err
}

// stoppable makes functions of the host that are instantiated with it end the program when its context has ended, because one call of
// them may take long, and a program of nothing but calls has no other point.
func stoppable(ctx context.Context) context.Context {
	return experimental.WithFunctionListenerFactory(ctx, experimental.FunctionListenerFactoryFunc(
		func(api.FunctionDefinition) experimental.FunctionListener {
			return experimental.FunctionListenerFunc(
				func(ctx context.Context, _ api.Module, _ api.FunctionDefinition, _ []uint64, _ experimental.StackIterator) {
					stop(ctx)
				})
		}))
}
