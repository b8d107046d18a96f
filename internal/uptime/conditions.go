package uptime

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/expr-lang/expr/types"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// condition is an expression that must hold for a check to have succeeded.
type condition struct{ program *expression.Program }

// vocabulary is what conditions can speak of.
var vocabulary = sync.OnceValue(func() expression.Vocabulary {
	return expression.Check().With(expression.Variable{
		Name: "certificate_days", Type: types.Float,
		Help: "how many days the certificate is still valid, with a fraction; nil without TLS",
		Get:  func(r *expression.Record) any { return certificateDays(r.Result) },
	})
})

func certificateDays(r *events.Result) any {
	if r.Fetch == nil || r.Fetch.TLS == nil || r.Fetch.TLS.Expires.IsZero() {
		return nil
	}
	return r.Fetch.TLS.Expires.Sub(r.Finished).Hours() / 24
}

// programs are kept because many targets have the same conditions.
var programs = sync.OnceValue(func() *lru.Cache[string, *expression.Program] {
	const kept = 4096
	cache, err := lru.New[string, *expression.Program](kept)
	if err != nil {
		panic(err) // the size is wrong, or is not
	}
	return cache
})

func compileCondition(text string) (condition, error) {
	if p, ok := programs().Get(text); ok {
		return condition{p}, nil
	}
	p, err := expression.Compile(text, vocabulary())
	if err != nil {
		return condition{}, err
	}
	programs().Add(text, p)
	return condition{p}, nil
}

// conditionTime bounds what one condition takes; its meter ends it long before.
const conditionTime = time.Second

// machines are used again, as there are many checks.
var machines = sync.Pool{New: func() any { return expression.NewMachine(expression.ForResult) }}

// fault says why the condition does not hold, and nothing if it does.
func (c condition) fault(ctx context.Context, r *expression.Record) string {
	ctx, cancel := context.WithTimeout(ctx, conditionTime)
	defer cancel()
	machine, _ := machines.Get().(*expression.Machine)
	defer machines.Put(machine)
	v, err := machine.Over(ctx, c.program, r)
	holds, isBool := v.(bool)
	switch {
	case err != nil:
		return fmt.Sprintf("%s cannot be judged: %v", c.program, err)
	case !isBool:
		return fmt.Sprintf("%s is neither true nor false", c.program)
	case !holds:
		return fmt.Sprintf("%s does not hold", c.program)
	}
	return ""
}
