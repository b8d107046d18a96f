package politeness

import (
	"context"
	"fmt"
	"testing"
)

func BenchmarkTurn(b *testing.B) {
	p := polite(b, Config{Limits: limited(Limit{Concurrency: 1000})})
	ctx := context.Background()
	b.Run("one host", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			t, err := p.Ask(ctx, alive, Wish{}, nil)
			if err != nil {
				b.Fatal(err)
			}
			t.Done(Outcome{Result: Answered})
		}
	})
	b.Run("many hosts, all CPUs", func(b *testing.B) {
		names := make([]string, 1000)
		for i := range names {
			names[i] = fmt.Sprintf("host%d.example:443", i)
		}
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				t, err := p.Ask(ctx, names[i%len(names)], Wish{}, nil)
				if err != nil {
					b.Error(err)
					return
				}
				t.Done(Outcome{Result: Answered})
			}
		})
	})
}
