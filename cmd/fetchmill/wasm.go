package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/internal/wasm"
	"github.com/fetchmill/fetchmill/pkg/client"
)

type wasmCmd struct {
	Put     wasmPutCmd     `cmd:"" help:"Keep a module under a name."`
	Ls      wasmLsCmd      `cmd:"" help:"List modules."`
	Show    wasmShowCmd    `cmd:"" help:"Show what is known about a module."`
	Rm      wasmRmCmd      `cmd:"" help:"Forget a name, or the bytes with a hash."`
	Compile wasmCompileCmd `cmd:"" hidden:"" help:"Compile a module; crunchers start this by themselves."`
}

func (*wasmCmd) Help() string {
	return `Modules of WebAssembly are programs of yours that items are computed with: WASI preview 1 commands, which read standard input and write
standard output, from any language.

Examples:

    fetchmill wasm put words words.wasm
    fetchmill wasm ls
    fetchmill submit wasm -p module=words 'to be or not to be' --wait
    fetchmill wasm show words
    fetchmill wasm show words --raw > words.wasm
    fetchmill wasm rm words
`
}

// compiler makes a process of this very program that compiles one module.
func compiler(ctx context.Context, dir string) *exec.Cmd {
	path, _ := selfPath()                                         // without a path the start of the command fails, and says so
	cmd := exec.CommandContext(ctx, path, "wasm", "compile", dir) //nolint:gosec // this program, with a folder of its own
	cmd.Args[0] = "fetchmill"
	return cmd
}

type wasmCompileCmd struct {
	Dir string `arg:"" help:"Folder that the code is left in."`
}

// Run compiles what is on stdin. The one who started it reads its exit status.
func (cmd *wasmCompileCmd) Run(s *session) error {
	if status := wasm.Compile(context.Background(), s.stdin, s.stderr, cmd.Dir); status != 0 {
		return &cli.Exit{Code: status}
	}
	return nil
}

type wasmPutCmd struct {
	Name     string `arg:"" help:"What recipes call it."`
	File     string `arg:"" help:"The module; '-' reads it from stdin."`
	MaxBytes int64  `name:"max-bytes" default:"33554432" placeholder:"N" help:"Size of the largest module that is taken; crunchers have --wasm-module-bytes (default ${default})."`
	output
}

func (*wasmPutCmd) Help() string {
	return `Checks that the module can be run, by compiling it, which takes some seconds for one that is made from Go. Putting the same bytes again
changes nothing. Items that start after two seconds at most are computed with the new bytes; what the name meant before is kept, for items that
ask for it by its hash.

Examples:

    GOOS=wasip1 GOARCH=wasm go build -o words.wasm . && fetchmill wasm put words words.wasm
`
}

func (cmd *wasmPutCmd) Run(ctx context.Context, s *session) error {
	data, err := s.readModule(cmd.File, cmd.MaxBytes)
	if err != nil {
		return err
	}
	return s.with(ctx, func(c *client.Client) error {
		engine := wasm.NewEngine(wasm.Config{ModuleBytes: cmd.MaxBytes, Compiler: compiler})
		defer func() { _ = engine.Close() }() // what it leaves is a temporary folder
		m, changed, err := c.PutModule(ctx, cmd.Name, data, client.PutModuleOptions{MaxBytes: cmd.MaxBytes, Compile: engine.Check})
		if err != nil {
			return err
		}
		if !changed {
			s.say("nothing has changed: %s has these bytes already", cmd.Name)
		}
		return cli.NewWriter(s.stdout, cmd.Output, cli.ModuleColumns()).All(cli.Each([]client.Module{m}), 0)
	})
}

// readModule reads a file, or stdin. One byte more than may be read makes it too large.
func (s *session) readModule(name string, most int64) ([]byte, error) {
	in := s.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read the module: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, fmt.Errorf("read the module: %w", err)
	}
	return data, nil
}

type wasmLsCmd struct{ output }

func (cmd *wasmLsCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		list, err := c.Modules(ctx)
		if err != nil {
			return err
		}
		return cli.NewWriter(s.stdout, cmd.Output, cli.ModuleColumns()).All(cli.Each(list), 0)
	})
}

type wasmShowCmd struct {
	Module string `arg:"" help:"Its name, or sha256: and its hash."`
	Raw    bool   `help:"Write nothing but its bytes."`
}

func (cmd *wasmShowCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		info, data, err := c.Module(ctx, cmd.Module)
		if err != nil {
			return err
		}
		if cmd.Raw {
			_, err := s.stdout.Write(data)
			return err
		}
		return cli.WriteJSON(s.stdout, info)
	})
}

type wasmRmCmd struct {
	Modules []string `arg:"" name:"module" help:"Names, or sha256: and a hash."`
}

func (*wasmRmCmd) Help() string {
	return `Forgetting a name keeps the bytes, for items that ask for them by hash; 'fetchmill wasm ls' lists them without a name, and forgetting the
hash removes them.

Examples:

    fetchmill wasm rm words
    fetchmill wasm rm sha256:9b761972177b8c0ebe504b25fa9febdec2d6f92b7e3c905f2907c48fa08797dc
`
}

func (cmd *wasmRmCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		for _, m := range cmd.Modules {
			if err := c.RemoveModule(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
}
