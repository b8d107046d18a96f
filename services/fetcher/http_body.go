package fetcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/files"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// bodyArgs say what becomes of the body of an answer.
type bodyArgs struct {
	// MaxBytes is the largest body that is taken, decoded; what the operator allows if it is absent.
	MaxBytes *int64 `json:"max_bytes"`
	// Charset is utf-8, which texts become, or keep. Empty is utf-8, or keep with Store.
	Charset string `json:"charset"`
	// Store writes the body to a file instead of handing it to the next step.
	Store *storeArgs `json:"store"`
}

type storeArgs struct {
	Dir string `json:"dir"` // a root that may be written; may be left out if there is only one
	// Name is a path below it, with the places of files.Expand.
	Name string `json:"name"`
}

// usualName is where a body is written whose item says nothing about that. In a batch all are different.
const usualName = "{n}-{name}"

// storedValue is the value of an item whose body was written to a file.
type storedValue struct {
	Root        string `json:"root"`
	Path        string `json:"path"`
	Bytes       int64  `json:"bytes"`
	SHA256      string `json:"sha256"`
	ContentType string `json:"content_type,omitempty"`
}

// want makes the limits of a body from the arguments.
func (n *Network) want(args bodyArgs) (useragent.Want, error) {
	most := n.agent.MaxBodyBytes()
	w := useragent.Want{Inline: n.cfg.InlineBytes, Max: most, Remedy: "the operator of the fetcher sets the limit (--max-body)"}
	if args.MaxBytes != nil {
		if *args.MaxBytes < 1 || *args.MaxBytes > most {
			return w, invalid("max_bytes is %d: use a number from 1 to %d, which is what the operator of the fetcher allows (--max-body)", *args.MaxBytes, most)
		}
		w.Max, w.Remedy = *args.MaxBytes, fmt.Sprintf("raise max_bytes, which can be up to %d", most)
	}
	if args.Store == nil && n.cfg.Bodies == nil && w.Max > w.Inline {
		w.Max, w.Remedy = w.Inline, "this fetcher has no store for larger bodies"
	}
	switch args.Charset {
	case "":
		w.KeepCharset = args.Store != nil
	case "keep":
		w.KeepCharset = true
	case "utf-8":
	default:
		return w, invalid("charset %.40q: use utf-8, which texts are converted to, or keep", args.Charset)
	}
	return w, nil
}

// body takes the body of an answer: along with the item if it is small, into the store of bodies if not, or into a file. The facts are
// the caller's.
func (n *Network) httpBody(ctx context.Context, f fetch, x *useragent.Exchange, resp *http.Response) (ops.Output, error) {
	body, err := x.Open(ctx, resp, f.want)
	if err != nil {
		return ops.Output{}, err
	}
	defer body.Close()
	if f.args.Store != nil {
		return n.storeBody(ctx, f, body, resp.Header.Get("Content-Type"))
	}
	if whole, ok := body.Whole(); ok {
		return ops.Output{Body: whole}, nil
	}
	ref, err := n.cfg.Bodies.Put(ctx, body)
	if err != nil {
		return ops.Output{}, err
	}
	return ops.Output{BodyRef: &ref}, nil
}

// storeBody writes a body to a file as it comes.
func (n *Network) storeBody(ctx context.Context, f fetch, body *useragent.Body, contentType string) (ops.Output, error) {
	name := f.args.Store.Name
	if name == "" {
		name = usualName
	}
	vars := files.Vars{Index: f.index, ID: f.id, ContentType: contentType}
	if u, err := url.Parse(f.request.URL); err == nil {
		vars.Name = files.URLName(u)
	}
	path, err := files.Expand(name, vars)
	if err != nil {
		return ops.Output{}, err
	}
	w, err := n.cfg.Files.Create(f.args.Store.Dir, path)
	if err != nil {
		return ops.Output{}, err
	}
	defer w.Abort()
	if _, err := io.Copy(w, body); err != nil { // both have verdicts
		return ops.Output{}, err
	}
	if err := ctx.Err(); err != nil {
		return ops.Output{}, useragent.Verdict(ctx, "write "+path, err)
	}
	done, err := w.Commit()
	if err != nil {
		return ops.Output{}, err
	}
	return ops.Output{Value: ops.JSON(storedValue{
		Root: done.Root, Path: path, Bytes: done.Bytes, SHA256: done.SHA256, ContentType: contentType,
	})}, nil
}

// checkRevalidate refuses what does not go with asking for another version only.
func (a bodyArgs) checkRevalidate() error {
	if a.Store != nil {
		err := errors.New("revalidate and store exclude each other: what was not fetched again is not written again")
		return ops.Fail(events.ReasonInvalidParameter, err)
	}
	return nil
}
