package fetcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/files"
)

type fileReadArgs struct {
	Root   string `json:"root"` // may be left out if there is only one
	Path   string `json:"path"`
	Offset int64  `json:"offset"` // where to begin, in bytes
	Length *int64 `json:"length"` // how many bytes at most; all if absent
}

// fileReadValue is what file.read yields beside the bytes.
type fileReadValue struct {
	Root     string    `json:"root"`
	Path     string    `json:"path"`
	Bytes    int64     `json:"bytes"` // that were read
	Size     int64     `json:"size"`  // of the file
	Modified time.Time `json:"modified"`
}

// fileRead reads a file below a root, or a part of it: its bytes become the body for the next step.
func (n *Network) fileRead() ops.Op {
	return ops.Op{Name: "file.read", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		var args fileReadArgs
		if err := in.Args(&args); err != nil {
			return ops.Output{}, err
		}
		if args.Offset < 0 || args.Length != nil && *args.Length < 1 {
			return ops.Output{}, ops.Fail(events.ReasonInvalidParameter, errors.New("offset is at least 0, and length at least 1"))
		}
		return n.readFile(ctx, args)
	}}
}

func (n *Network) readFile(ctx context.Context, args fileReadArgs) (ops.Output, error) {
	start := time.Now()
	f, err := n.cfg.Files.Open(args.Root, args.Path)
	if err != nil {
		return ops.Output{}, err
	}
	defer func() { _ = f.Close() }()
	size := f.Info.Size()
	left := max(0, size-args.Offset)
	if args.Length != nil {
		left = min(left, *args.Length)
	}
	out, err := n.body(ctx, f, io.NewSectionReader(f, args.Offset, left), left)
	if err != nil {
		return ops.Output{}, err
	}
	read := int64(len(out.Body))
	if out.BodyRef != nil {
		read = out.BodyRef.Bytes
	}
	out.Value = ops.JSON(fileReadValue{
		Root: f.Root, Path: args.Path, Bytes: read, Size: size, Modified: f.Info.ModTime().UTC(),
	})
	out.Fetch = &events.FetchFacts{Bytes: read, ElapsedMS: float64(time.Since(start).Microseconds()) / 1000, Body: out.BodyRef}
	return out, nil
}

// body hands over size bytes: along with the item if they are few, by way of the store of bodies if not.
func (n *Network) body(ctx context.Context, f *files.Reader, r io.Reader, size int64) (ops.Output, error) {
	if size > n.cfg.InlineBytes {
		if n.cfg.Bodies == nil {
			return ops.Output{}, ops.Fail(events.ReasonTooLarge, fmt.Errorf(
				"%d bytes are too many to travel along, which %d may, and this fetcher has no store for larger bodies: read a part with offset and length", size, n.cfg.InlineBytes))
		}
		ref, err := n.cfg.Bodies.Put(ctx, r)
		if err != nil {
			return ops.Output{}, err
		}
		return ops.Output{BodyRef: &ref}, nil
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return ops.Output{}, f.Failed(err)
	}
	return ops.Output{Body: data}, nil
}
