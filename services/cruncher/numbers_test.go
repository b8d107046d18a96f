package cruncher_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"testing"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"

	"github.com/stretchr/testify/require"
)

func TestIncrement_increments(t *testing.T) {
	for with, want := range map[string]string{
		`{"n":0}`: `{"value":0}`, `{"n":1}`: `{"value":1}`, `{"n":262145}`: `{"value":262145}`, `{"n":1000000}`: `{"value":1000000}`,
	} {
		out, err := run(t, "increment", with, ops.Input{})
		require.NoError(t, err)
		require.Equal(t, want, string(out.Value))
	}
}

func TestNumbers_refuse_bad_arguments(t *testing.T) {
	for _, c := range []struct {
		op, with string
		want     events.Reason
		text     string
	}{
		{"increment", ``, events.ReasonMissingParameter, `such as {"n": 1000000}`},
		{"increment", `{"n":-1}`, events.ReasonInvalidParameter, "from 0 to"},
		{"increment", `{"to":1}`, events.ReasonInvalidParameter, "unknown field"},
		{"factorial", `{}`, events.ReasonMissingParameter, `such as {"n": 1000}`},
		{"factorial", `{"n":-1}`, events.ReasonInvalidParameter, "from 0 to 300000"},
		{"factorial", `{"n":300001}`, events.ReasonInvalidParameter, "from 0 to 300000"},
		{"factorial", `{"n":1.5}`, events.ReasonInvalidParameter, "n"},
		{"primes", `{}`, events.ReasonMissingParameter, `such as {"n": 1000000}`},
		{"primes", `{"from":2}`, events.ReasonMissingParameter, `"from" and "to"`},
		{"primes", `{"n":2,"to":3}`, events.ReasonInvalidParameter, "either"},
		{"primes", `{"from":3,"to":2}`, events.ReasonInvalidParameter, "must not be greater"},
		{"primes", `{"n":100000000000001}`, events.ReasonInvalidParameter, "from 0 to 100000000000000"},
		{"primes", `{"n":1000000,"list":true}`, events.ReasonTooLarge, "list a shorter range"},
	} {
		t.Run(c.op+" "+c.with, func(t *testing.T) {
			_, err := run(t, c.op, c.with, ops.Input{})
			require.ErrorContains(t, err, c.text)
			require.Equal(t, c.want, reason(err))
		})
	}
}

// factorialOf is the schoolbook's.
func factorialOf(n int64) string {
	f := big.NewInt(1)
	for i := int64(2); i <= n; i++ {
		f.Mul(f, big.NewInt(i))
	}
	return f.String()
}

func TestFactorial_is_exact(t *testing.T) {
	for n, want := range map[int]string{
		0: "1", 1: "1", 5: "120", 20: "2432902008176640000",
		// OEIS A000142.
		25: "15511210043330985984000000",
	} {
		out, err := run(t, "factorial", fmt.Sprintf(`{"n":%d}`, n), ops.Input{})
		require.NoError(t, err)
		require.JSONEq(t, fmt.Sprintf(`{"n":%d,"digits":%d,"value":%q}`, n, len(want), want), string(out.Value))
	}
}

func TestFactorial_of_a_large_number_is_told_by_hash_and_ends(t *testing.T) {
	for _, n := range []int64{451, 4096, 4097, 10_000} {
		out, err := run(t, "factorial", fmt.Sprintf(`{"n":%d}`, n), ops.Input{})
		require.NoError(t, err)
		text := factorialOf(n)
		sum := sha256.Sum256([]byte(text))
		require.JSONEq(t, string(ops.JSON(map[string]any{
			"n": n, "digits": len(text), "sha256": hex.EncodeToString(sum[:]), "first": text[:20], "last": text[len(text)-20:],
		})), string(out.Value))
	}
	// OEIS A061010: 10! has 7, 100! 158, 1000! 2,568 digits, and so on.
	for n, digits := range map[int]int{10: 7, 100: 158, 1000: 2568, 10_000: 35_660, 100_000: 456_574} {
		out, err := run(t, "factorial", fmt.Sprintf(`{"n":%d}`, n), ops.Input{})
		require.NoError(t, err)
		require.Contains(t, string(out.Value), fmt.Sprintf(`"digits":%d,`, digits))
	}
}

func TestPrimes_counts_what_is_known(t *testing.T) {
	// OEIS A006880 for powers of ten; the others are of the schoolbook's test below.
	for n, want := range map[int64]int64{0: 0, 1: 0, 2: 1, 3: 2, 10: 4, 100: 25, 1000: 168, 10_000: 1229, 1_000_000: 78_498, 10_000_000: 664_579} {
		require.Equal(t, want, countPrimes(t, fmt.Sprintf(`{"n":%d}`, n)), n)
	}
}

func countPrimes(t *testing.T, with string) int64 {
	t.Helper()
	out, err := run(t, "primes", with, ops.Input{})
	require.NoError(t, err)
	var v struct{ Count int64 }
	require.NoError(t, json.Unmarshal(out.Value, &v))
	return v.Count
}

func TestPrimes_of_ranges_are_those_of_a_slow_test(t *testing.T) {
	for _, r := range [][2]int64{
		{0, 0},
		{0, 2},
		{2, 2},
		{3, 3},
		{0, 127},
		{0, 128},
		{1, 129},
		{100, 300},
		{127, 128},
		{128, 255},
		{113, 127},
		{114, 126},
		{2097100, 2097200},
		{4194200, 4194400},
		{9_999_900, 10_000_100},
		{99_999_999_999_000, 100_000_000_000_000},
	} {
		var want []int64
		for n := r[0]; n <= r[1]; n++ {
			if big.NewInt(n).ProbablyPrime(0) { // which is exact below 2^64
				want = append(want, n)
			}
		}
		out, err := run(t, "primes", fmt.Sprintf(`{"from":%d,"to":%d,"list":true}`, r[0], r[1]), ops.Input{})
		require.NoError(t, err)
		expected := map[string]any{"from": r[0], "to": r[1], "count": len(want)}
		if len(want) > 0 {
			expected["first"], expected["last"], expected["primes"] = want[0], want[len(want)-1], want
		}
		require.JSONEq(t, string(ops.JSON(expected)), string(out.Value), r)
	}
}

func TestPrimes_of_parts_add_up_to_those_of_the_whole(t *testing.T) {
	var sum int64
	for from := int64(0); from < 10_000_000; from += 777_777 {
		sum += countPrimes(t, fmt.Sprintf(`{"from":%d,"to":%d}`, from, min(from+777_776, 10_000_000)))
	}
	require.Equal(t, int64(664_579), sum)
}

// The time of count and increment grows as their number does: the compiler has not replaced the loops by the result.
func BenchmarkNumbers(b *testing.B) {
	for _, row := range []struct{ op, with string }{
		{"count", `{"to":1000000}`},
		{"count", `{"to":10000000}`},
		{"count", `{"to":100000000}`},
		{"increment", `{"n":1000000}`},
		{"increment", `{"n":10000000}`},
		{"factorial", `{"n":1000}`},
		{"factorial", `{"n":10000}`},
		{"factorial", `{"n":100000}`},
		{"primes", `{"n":10000000}`},
		{"primes", `{"from":10000000000,"to":10010000000}`},
		{"primes", `{"from":99999990000000,"to":100000000000000}`},
	} {
		op := cruncher.Builtin()[row.op]
		b.Run(row.op+" "+row.with, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := op.Run(b.Context(), ops.Input{With: json.RawMessage(row.with)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzNumbers(f *testing.F) {
	set := cruncher.Builtin()
	f.Add("count", `{"to":10}`)
	f.Add("increment", `{"n":10}`)
	f.Add("factorial", `{"n":10}`)
	f.Add("primes", `{"from":10,"to":20,"list":true}`)
	f.Add("primes", `{"n":1e3}`)
	f.Fuzz(func(t *testing.T, name, with string) {
		op, ok := set[name]
		if !ok || len(with) > 40 {
			return
		}
		fuzzed(t, op, ops.Input{With: json.RawMessage(with)})
	})
}
