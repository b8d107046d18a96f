package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/internal/modules"
	"github.com/fetchmill/fetchmill/internal/wasm"
)

// Module is a module of WebAssembly that items can be computed with.
type Module struct {
	Name     string    `json:"name,omitempty"` // empty for bytes that no name means any more
	SHA256   string    `json:"sha256"`         // hexadecimal; with "sha256:" before it, it stands for these bytes in a recipe
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"` // when the name came to mean these bytes
}

// ModuleInfo tells more about a module.
type ModuleInfo struct {
	Module
	MemoryBytes int64    `json:"memory_bytes"` // that an instance has from the start
	Imports     []string `json:"imports"`      // the functions of WASI preview 1 that it asks for
}

// PutModuleOptions say how a module is checked.
type PutModuleOptions struct {
	// MaxBytes is the size of the largest module that is taken; 32 MiB if 0, as much as a cruncher takes unless told otherwise.
	MaxBytes int64
	// Compile compiles the module, to see that it can be. Nil does so in this process, which a module that is made for it can keep
	// busy for long.
	Compile func(ctx context.Context, data []byte) error
}

// PutModule keeps a module under a name and tells whether that changed anything. It is refused with ErrModule if it cannot be run.
func (c *Client) PutModule(ctx context.Context, name string, data []byte, o PutModuleOptions) (Module, bool, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = wasm.DefaultModuleBytes
	}
	if int64(len(data)) > o.MaxBytes {
		return Module{}, false, fmt.Errorf("module %.100s: %w: it has %d bytes, and at most %d are taken; "+
			"strip its symbols (in Go with -ldflags='-s -w'), or allow crunchers and this more", name, ErrModule, len(data), o.MaxBytes)
	}
	if o.Compile == nil {
		o.Compile = compileHere
	}
	if _, _, err := modules.ParseRef(name); err != nil {
		return Module{}, false, err
	}
	if err := checkModule(ctx, data, o.Compile); err != nil {
		return Module{}, false, fmt.Errorf("module %.100s: %w", name, err)
	}
	m, changed, err := modules.New(c.js).Put(ctx, name, data)
	return moduleOf(m), changed, err
}

func checkModule(ctx context.Context, data []byte, compile func(context.Context, []byte) error) error {
	_, err := wasm.Inspect(data)
	if err == nil {
		err = compile(ctx, data)
	}
	if errors.Is(err, wasm.ErrTooCostly) {
		return fmt.Errorf("%w: %w", ErrModule, err)
	}
	return err
}

func compileHere(ctx context.Context, data []byte) error {
	engine := wasm.NewEngine(wasm.Config{ModuleBytes: int64(len(data))})
	return errors.Join(engine.Check(ctx, data), engine.Close())
}

// Modules lists the modules by name, and after them those that have none any more.
func (c *Client) Modules(ctx context.Context) ([]Module, error) {
	kept, err := modules.New(c.js).List(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Module, len(kept))
	for i, m := range kept {
		list[i] = moduleOf(m)
	}
	return list, nil
}

// Module returns what is known about a module, by its name or by "sha256:" and its hash, and its bytes.
func (c *Client) Module(ctx context.Context, ref string) (*ModuleInfo, []byte, error) {
	store := modules.New(c.js)
	hash, err := store.Resolve(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	data, err := store.Load(ctx, hash, maxModule)
	if err != nil {
		return nil, nil, err
	}
	all, err := store.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	info := &ModuleInfo{Module: Module{SHA256: hash, Bytes: int64(len(data))}}
	for _, m := range all {
		if m.Name == ref || m.SHA256 == hash && info.Modified.IsZero() {
			info.Module = moduleOf(m)
		}
	}
	if m, err := wasm.Inspect(data); err == nil {
		info.MemoryBytes, info.Imports = m.MemoryBytes, m.Imports
	}
	return info, data, nil
}

// maxModule is the size of the largest module that is looked at.
const maxModule = 1 << 30

// RemoveModule forgets a name; the bytes stay for items that ask for them by hash. With "sha256:" and a hash it forgets the bytes, if
// no name means them.
func (c *Client) RemoveModule(ctx context.Context, ref string) error {
	return modules.New(c.js).Remove(ctx, ref)
}

func moduleOf(m modules.Module) Module {
	return Module{Name: m.Name, SHA256: m.SHA256, Bytes: m.Bytes, Modified: m.Time.UTC()}
}
