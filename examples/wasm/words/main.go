// Command words counts the words of a text. It is an example of a program that runs as a module of WebAssembly: it reads its standard
// input, writes JSON to its standard output, and takes its configuration, {"top": N}, as its first argument.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
)

// count is a word and how often it occurs.
type count struct {
	Word  string `json:"word"`
	Times int    `json:"times"`
}

func main() {
	config := struct{ Top int }{Top: 3}
	if len(os.Args) > 1 {
		if err := json.Unmarshal([]byte(os.Args[1]), &config); err != nil {
			fail("configuration: %v", err)
		}
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail("read: %v", err)
	}
	times := map[string]int{}
	total := 0
	for word := range strings.FieldsFuncSeq(strings.ToLower(string(text)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		times[word]++
		total++
	}
	counts := make([]count, 0, len(times))
	for word, n := range times {
		counts = append(counts, count{word, n})
	}
	slices.SortFunc(counts, func(a, b count) int {
		return cmp.Or(cmp.Compare(b.Times, a.Times), cmp.Compare(a.Word, b.Word))
	})
	err = json.NewEncoder(os.Stdout).Encode(struct {
		Words     int     `json:"words"`
		Different int     `json:"different"`
		Top       []count `json:"top"`
	}{total, len(times), counts[:min(config.Top, len(counts))]})
	if err != nil {
		fail("write: %v", err)
	}
}

// fail ends the program: what it says becomes the error of the item. Exit code 75 would ask to be run again later.
func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}
