package cli

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/fetchmill/fetchmill/pkg/client"
)

// ErrInput means that items or parameters cannot be read. The text says where.
var ErrInput = errors.New("cannot read the items")

// maxLine bounds a line of input; no broker takes a message of that size by default.
const maxLine = 8 << 20

// Params reads parameters of the form name=value. A value that is JSON (5, true, [1,2], "5") is that value, any other is text.
func Params(pairs []string) (map[string]any, error) {
	all := make(map[string]any, len(pairs))
	for _, p := range pairs {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%w: parameter %q is not of the form name=value", ErrInput, p)
		}
		all[name] = Value(value)
	}
	return all, nil
}

// Value is JSON if the text is JSON, and the text otherwise.
func Value(s string) any {
	if json.Valid([]byte(s)) {
		return json.RawMessage(s)
	}
	return s
}

// Item makes an item from an argument or a line: a JSON object is its parameters, anything else is text.
func Item(s string) (client.Item, error) {
	if !strings.HasPrefix(s, "{") {
		return client.Item{Text: s}, nil
	}
	if !json.Valid([]byte(s)) {
		return client.Item{}, fmt.Errorf("%w: %.60q starts like a JSON object but is not one", ErrInput, s)
	}
	return client.Item{Params: json.RawMessage(s)}, nil
}

// Items yields the items of arguments, then those of a file. The file "-" is stdin; one whose name ends with .csv has a header
// row with the names of the parameters; of any other each line is an item, and blank lines are skipped. Without arguments and
// file there is one item, which has no parameters of its own.
func Items(args []string, file string, stdin io.Reader) iter.Seq2[client.Item, error] {
	return func(yield func(client.Item, error) bool) {
		for _, a := range args {
			if it, err := Item(a); !yield(it, err) || err != nil {
				return
			}
		}
		switch {
		case file == "-":
			lines(stdin, "stdin", yield)
		case file != "":
			f, err := os.Open(file)
			if err != nil {
				yield(client.Item{}, fmt.Errorf("%w: %w", ErrInput, err))
				return
			}
			defer func() { _ = f.Close() }()
			if strings.EqualFold(filepath.Ext(file), ".csv") {
				table(f, file, yield)
				return
			}
			lines(f, file, yield)
		case len(args) == 0:
			yield(client.Item{}, nil)
		}
	}
}

func lines(r io.Reader, name string, yield func(client.Item, error) bool) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	n := 0
	for s.Scan() {
		n++
		line := s.Text()
		if n == 1 {
			line = strings.TrimPrefix(line, bom)
		}
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		it, err := Item(line)
		if err != nil {
			yield(it, fmt.Errorf("%s:%d: %w", name, n, err))
			return
		}
		if !yield(it, nil) {
			return
		}
	}
	if err := s.Err(); err != nil {
		yield(client.Item{}, fmt.Errorf("%w: %s:%d: %w", ErrInput, name, n+1, err))
	}
}

// bom is what some editors put at the start of a UTF-8 file.
const bom = "\xef\xbb\xbf"

// table reads CSV (RFC 4180). An empty cell leaves its parameter out.
func table(r io.Reader, name string, yield func(client.Item, error) bool) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	first, err := in.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty: the first row must name the parameters")
		}
		yield(client.Item{}, fmt.Errorf("%w: %s: %w", ErrInput, name, err))
		return
	}
	names := append([]string(nil), first...)
	for i := range names {
		if names[i] = strings.TrimSpace(strings.TrimPrefix(names[i], bom)); names[i] == "" {
			yield(client.Item{}, fmt.Errorf("%w: %s: column %d of the first row has no name", ErrInput, name, i+1))
			return
		}
	}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(client.Item{}, fmt.Errorf("%w: %s: %w", ErrInput, name, err))
			return
		}
		params := make(map[string]any, len(row))
		for i, v := range row {
			if v != "" {
				params[names[i]] = Value(v)
			}
		}
		it, err := client.Item{}.With(params)
		if !yield(it, err) || err != nil {
			return
		}
	}
}
