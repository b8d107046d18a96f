package modules

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/internal/topology"
)

// Module is a module that is kept: one entry for each of its names, or one without a name if it has none.
type Module struct {
	Name   string
	SHA256 string // hexadecimal
	Bytes  int64
	Time   time.Time // when the name was made to point here, or else when the bytes were stored
}

// Store is the object store of modules. It may be used from many goroutines.
type Store struct{ js jetstream.JetStream }

// New makes a store, without asking the broker for anything yet.
func New(js jetstream.JetStream) *Store { return &Store{js: js} }

func (s *Store) bucket(ctx context.Context) (jetstream.ObjectStore, error) {
	return s.js.ObjectStore(ctx, topology.BucketModules)
}

// Put keeps a module under a name and tells whether that changed anything. Whether the bytes are a module at all is for the caller to
// check. Items that have begun with what the name meant before are not touched, and the bytes stay that it meant.
func (s *Store) Put(ctx context.Context, name string, data []byte) (Module, bool, error) {
	doing := fmt.Sprintf("store module %.100s", name)
	_, digits, err := ParseRef(name)
	if err == nil && digits != "" {
		err = fmt.Errorf("%w: give the module a name; its hash follows from its bytes", ErrName)
	}
	if err != nil {
		return Module{}, false, err
	}
	b, err := s.bucket(ctx)
	if err != nil {
		return Module{}, false, explain(doing, err)
	}
	hash := hashOf(data)
	object, stored, err := s.keep(ctx, b, hash, data)
	if err != nil {
		return Module{}, false, explain(doing, err)
	}
	linked, err := b.GetInfo(ctx, name)
	if err == nil && linksTo(linked) == Prefix+hash {
		return Module{name, hash, int64(len(data)), linked.ModTime}, stored, nil
	}
	if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return Module{}, false, explain(doing, err)
	}
	if _, err = b.AddLink(ctx, name, object); err != nil {
		return Module{}, false, explain(doing, err)
	}
	// Somebody may have removed the bytes before they had this name.
	if _, _, err = s.keep(ctx, b, hash, data); err != nil {
		return Module{}, false, explain(doing, err)
	}
	if linked, err = b.GetInfo(ctx, name); err != nil {
		return Module{}, false, explain(doing, err)
	}
	return Module{name, hash, int64(len(data)), linked.ModTime}, true, nil
}

// keep stores bytes under their hash unless they are there.
func (s *Store) keep(ctx context.Context, b jetstream.ObjectStore, hash string, data []byte) (*jetstream.ObjectInfo, bool, error) {
	info, err := b.GetInfo(ctx, Prefix+hash)
	if err == nil && info.Digest == digest(hash) {
		return info, false, nil
	}
	if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, false, err
	}
	if err := s.write(ctx, hash, data); err != nil && !errors.Is(err, errTooLate) {
		return nil, false, err
	}
	info, err = b.GetInfo(ctx, Prefix+hash)
	return info, true, err
}

// linksTo is the object that a link points to, empty if it is none.
func linksTo(info *jetstream.ObjectInfo) string {
	if info.Opts == nil || info.Opts.Link == nil || info.Opts.Link.Bucket != topology.BucketModules {
		return ""
	}
	return info.Opts.Link.Name
}

// Resolve returns the hash of what a name or a hash means now. A hash is not looked up.
func (s *Store) Resolve(ctx context.Context, ref string) (string, error) {
	name, hash, err := ParseRef(ref)
	if err != nil || hash != "" {
		return hash, err
	}
	doing := "look up module " + name
	b, err := s.bucket(ctx)
	if err != nil {
		return "", explain(doing, err)
	}
	info, err := b.GetInfo(ctx, name)
	if err != nil {
		return "", explain(doing, err)
	}
	_, hash, err = ParseRef(linksTo(info))
	if err != nil || hash == "" {
		return "", fmt.Errorf("%s: object %s of the bucket %s is no link to a module; put the module again with: fetchmill wasm put", doing, name, topology.BucketModules)
	}
	return hash, nil
}

// ErrTooLarge means that a module has more bytes than were asked for.
var ErrTooLarge = errors.New("module is too large")

// Load returns the bytes of a module, at most so many.
func (s *Store) Load(ctx context.Context, hash string, most int64) ([]byte, error) {
	doing := "read module " + Prefix + hash
	b, err := s.bucket(ctx)
	if err != nil {
		return nil, explain(doing, err)
	}
	object, err := b.Get(ctx, Prefix+hash)
	if err != nil {
		return nil, explain(doing, err)
	}
	data, err := io.ReadAll(io.LimitReader(object, most+1))
	err = errors.Join(err, object.Close())
	switch {
	case int64(len(data)) > most:
		return nil, fmt.Errorf("%s: %w: it has more than %d bytes", doing, ErrTooLarge, most)
	case err != nil:
		return nil, explain(doing, err)
	case hashOf(data) != hash:
		return nil, fmt.Errorf("%s: the bytes that are stored are others; remove them and put the module again", doing)
	}
	return data, nil
}

// List returns all modules by name, and those without one at the end.
func (s *Store) List(ctx context.Context) ([]Module, error) {
	const doing = "list modules"
	b, err := s.bucket(ctx)
	if err != nil {
		return nil, explain(doing, err)
	}
	objects, err := b.List(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil, explain(doing, err)
	}
	return entries(objects), nil
}

// entries makes modules of objects and links. What is neither does not count.
func entries(objects []*jetstream.ObjectInfo) []Module {
	sizes, named := map[string]int64{}, map[string]bool{}
	for _, o := range objects {
		if _, hash, err := ParseRef(o.Name); err == nil && hash != "" {
			sizes[hash] = int64(o.Size)
		}
	}
	var list []Module
	for _, o := range objects {
		if _, hash, err := ParseRef(linksTo(o)); err == nil && hash != "" {
			list = append(list, Module{o.Name, hash, sizes[hash], o.ModTime.UTC()})
			named[hash] = true
		}
	}
	for _, o := range objects {
		if _, hash, err := ParseRef(o.Name); err == nil && hash != "" && !named[hash] {
			list = append(list, Module{"", hash, sizes[hash], o.ModTime.UTC()})
		}
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		switch {
		case (a.Name == "") != (b.Name == ""):
			return b.Name == ""
		case a.Name != b.Name:
			return a.Name < b.Name
		}
		return a.Time.Before(b.Time)
	})
	return list
}

// Remove forgets a name, or the bytes with a hash. Bytes are kept when their name goes, because items may have them pinned; bytes that
// still have a name are not removed (ErrInUse).
func (s *Store) Remove(ctx context.Context, ref string) error {
	doing := fmt.Sprintf("remove module %.100s", ref)
	_, hash, err := ParseRef(ref)
	if err != nil {
		return err
	}
	b, err := s.bucket(ctx)
	if err != nil {
		return explain(doing, err)
	}
	if _, err := b.GetInfo(ctx, ref); err != nil {
		return explain(doing, err)
	}
	if hash != "" {
		list, err := s.List(ctx)
		if err != nil {
			return err
		}
		for _, m := range list {
			if m.SHA256 == hash && m.Name != "" {
				return fmt.Errorf("%s: %w: remove the name %s first", doing, ErrInUse, m.Name)
			}
		}
	}
	return explain(doing, b.Delete(ctx, ref))
}
