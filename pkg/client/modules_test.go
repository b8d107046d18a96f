package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/standin"
	"github.com/fetchmill/fetchmill/internal/wasm/wasmtest"
	"github.com/fetchmill/fetchmill/pkg/client"
)

func TestModules(t *testing.T) {
	b := standin.StartBroker(t)
	b.MakeStreams(t, -1)
	c := connect(t, b)
	list, err := c.Modules(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)

	echo := wasmtest.Echo()
	m, changed, err := c.PutModule(t.Context(), "echo", echo, client.PutModuleOptions{})
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, []any{"echo", int64(len(echo))}, []any{m.Name, m.Bytes})
	require.WithinDuration(t, time.Now(), m.Modified, time.Minute)
	again, changed, err := c.PutModule(t.Context(), "echo", echo, client.PutModuleOptions{})
	require.NoError(t, err)
	require.False(t, changed)
	require.Equal(t, m, again)
	list, err = c.Modules(t.Context())
	require.NoError(t, err)
	require.Equal(t, []client.Module{m}, list)

	for _, ref := range []string{"echo", "sha256:" + m.SHA256} {
		info, data, err := c.Module(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, &client.ModuleInfo{Module: m, MemoryBytes: 65536, Imports: []string{"fd_read", "fd_write", "proc_exit"}}, info)
		require.Equal(t, echo, data)
	}
	require.NoError(t, c.RemoveModule(t.Context(), "echo"))
	require.ErrorIs(t, c.RemoveModule(t.Context(), "echo"), client.ErrNoModule)
	_, _, err = c.Module(t.Context(), "echo")
	require.ErrorIs(t, err, client.ErrNoModule)
	info, _, err := c.Module(t.Context(), "sha256:"+m.SHA256)
	require.NoError(t, err)
	require.Empty(t, info.Name)
	require.NoError(t, c.RemoveModule(t.Context(), "sha256:"+m.SHA256))
}

func TestPutModule_stores_nothing_that_cannot_be_run(t *testing.T) {
	b := standin.StartBroker(t)
	b.MakeStreams(t, -1)
	c := connect(t, b)
	broken := errors.New("no compiler")
	refuse := func(context.Context, []byte) error { return broken }
	for name, put := range map[string]struct {
		name string
		data []byte
		o    client.PutModuleOptions
		want error
	}{
		"a script":                  {"x", []byte("#!/bin/sh"), client.PutModuleOptions{}, client.ErrModule},
		"what asks for more":        {"x", wasmtest.Spec{Sections: map[byte][]byte{2: append([]byte{1}, wasmtest.Import("env", "f", 0, 0)...)}}.Bytes(), client.PutModuleOptions{}, client.ErrModule},
		"what does not compile":     {"x", wasmtest.Spec{Body: []byte{0x6a}}.Bytes(), client.PutModuleOptions{}, client.ErrModule},
		"what is too large":         {"x", wasmtest.Echo(), client.PutModuleOptions{MaxBytes: 10}, client.ErrModule},
		"what the compiler refuses": {"x", wasmtest.Echo(), client.PutModuleOptions{Compile: refuse}, broken},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := c.PutModule(t.Context(), put.name, put.data, put.o)
			require.ErrorIs(t, err, put.want)
		})
	}
	_, _, err := c.PutModule(t.Context(), "Bad Name", wasmtest.Echo(), client.PutModuleOptions{})
	require.ErrorContains(t, err, "use 1 to 64 of")
	list, err := c.Modules(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
}

// FuzzPutModule puts arbitrary bytes: what gets into the store can be read as a module again.
func FuzzPutModule(f *testing.F) {
	b := standin.StartBroker(f)
	b.MakeStreams(f, -1)
	c, err := client.New(b.NC)
	require.NoError(f, err)
	f.Add([]byte{}, "name")
	f.Add(wasmtest.Echo(), "echo")
	f.Add(wasmtest.Print(1, "text", 3), "Print")
	f.Add([]byte("\x00asm\x0d\x00\x01\x00"), "component")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		m, _, err := c.PutModule(t.Context(), name, data, client.PutModuleOptions{})
		if err != nil {
			return
		}
		info, stored, err := c.Module(t.Context(), m.Name)
		require.NoError(t, err)
		require.Equal(t, data, stored)
		require.NotNil(t, info)
	})
}
