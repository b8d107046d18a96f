// Package sitetest makes the program of a test a site, too, for what wants one in a process of its own.
package sitetest

import (
	"context"
	"os"
	"testing"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/site"
)

const argument = "site"

// Main is leaktest.Main, unless the program was started with Command: then it is a site.
func Main(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == argument {
		if err := site.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	leaktest.Main(m)
}

// Command is for site.StartProcess.
func Command() []string { return []string{os.Args[0], argument} }
