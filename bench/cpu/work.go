package cpu

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/cruncher/picture/picturetest"
)

// work is something to be done many times.
type work struct {
	name   string
	items  int
	recipe string
	item   func(i int) json.RawMessage                         // its parameters
	do     func(ctx context.Context, set ops.Set, i int) error // the same without a pipeline
	python string                                              // name of the function in python.py; empty if there is none
	args   []int64                                             // of that function: one number, or the number of pieces
	note   string
}

// recipes are those that there are not among the built-in ones.
var recipes = []string{`
name: bench-hash
summary: Hashes a piece of a file.
params: {path: {type: string}, part: {type: integer}, parts: {type: integer}}
crunch:
  - {op: file.part, with: {path: $path, part: $part, parts: $parts, lines: false}}
  - {op: hash}
`, `
name: bench-thumbnail
summary: Makes a thumbnail of an image in a file.
params: {path: {type: string}, n: {type: integer}}
crunch:
  - {op: file.part, with: {path: $path, lines: false}}
  - {op: image.thumbnail}
`}

// Of the work.
const (
	factorialOf = 10_000
	pieceBytes  = 16 << 20
	imageFile   = "photo.jpg"
	hashFile    = "bytes"
)

// loads is the work that people know from tutorials.
func loads(cfg Config, dir string) ([]work, error) {
	photo := picturetest.JPEG(picturetest.Photo(1600, 1200))
	if err := os.WriteFile(filepath.Join(dir, imageFile), photo, 0o600); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, hashFile))
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(cfg.HashBytes); err != nil { // a hole: its zeros take as long to hash as other bytes
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	pieces := max(1, int(cfg.HashBytes/pieceBytes))
	count := counting("count to 10,000,000", 10_000_000, 4)
	count.python, count.args = "count", []int64{10_000_000}
	return []work{
		count, simple("increment 1,000,000 times", "increment", "n", 1_000_000, 100, "increment"),
		simple(fmt.Sprintf("factorial of %d", factorialOf), "factorial", "n", factorialOf, 200, "factorial"),
		{
			name: fmt.Sprintf("sha256 of %d MiB in pieces", cfg.HashBytes>>20), items: pieces, recipe: "bench-hash", python: "sha256", args: []int64{int64(pieces)},
			item: func(i int) json.RawMessage {
				return ops.JSON(map[string]any{"path": hashFile, "part": i, "parts": pieces})
			},
			do: func(ctx context.Context, set ops.Set, i int) error {
				with := ops.JSON(map[string]any{"path": hashFile, "part": i, "parts": pieces, "lines": false})
				return steps(ctx, set, step{"file.part", with}, step{op: "hash"})
			},
		},
		{
			name: "thumbnails of 2-megapixel JPEGs", items: cfg.Thumbnails, recipe: "bench-thumbnail", python: "thumbnail",
			item: func(i int) json.RawMessage { return ops.JSON(map[string]any{"path": imageFile, "n": i}) },
			do: func(ctx context.Context, set ops.Set, _ int) error {
				with := ops.JSON(map[string]any{"path": imageFile, "lines": false})
				return steps(ctx, set, step{"file.part", with}, step{op: "image.thumbnail"})
			},
		},
	}, nil
}

// counting is counting to a number many times.
func counting(name string, to int64, items int) work {
	w := simple(name, "count", "to", to, items, "")
	w.item = func(int) json.RawMessage { return ops.JSON(map[string]int64{"n": to}) }
	return w
}

// simple is an operation with one number.
func simple(name, op, arg string, n int64, items int, python string) work {
	with := ops.JSON(map[string]int64{arg: n})
	return work{
		name: name, items: items, recipe: op, python: python, args: []int64{n}, item: func(int) json.RawMessage { return with },
		do: func(ctx context.Context, set ops.Set, _ int) error { return steps(ctx, set, step{op, with}) },
	}
}

// step is a step of a recipe.
type step struct {
	op   string
	with json.RawMessage
}

// steps does what a cruncher does with an item.
func steps(ctx context.Context, set ops.Set, list ...step) error {
	var in ops.Input
	for _, s := range list {
		in.With = s.with
		out, err := set[s.op].Run(ctx, in)
		if err != nil {
			return err
		}
		in = ops.Input{Value: out.Value, Body: out.Body, Source: out.Source}
	}
	if in.Value == nil {
		return fmt.Errorf("nothing was made")
	}
	return nil
}

// operations are those of a cruncher that reads files of a folder.
func operations(dir string) ops.Set {
	return cruncher.NewToolbox(cruncher.ToolConfig{Files: folder(dir)}).Ops()
}

type folder string

func (f folder) Open(_, path string) (cruncher.File, error) {
	file, err := os.Open(filepath.Join(string(f), path))
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return opened{file, info}, nil
}

type opened struct {
	*os.File
	info os.FileInfo
}

func (o opened) Size() int64            { return o.info.Size() }
func (o opened) Modified() time.Time    { return o.info.ModTime() }
func (o opened) Failed(err error) error { return err }
