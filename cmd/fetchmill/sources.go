package main

import "github.com/fetchmill/fetchmill/app"

// sources are the flags of commands that fetch, about files and databases.
type sources struct {
	ReadRoot     []string `name:"read-root" sep:"none" placeholder:"NAME=DIR" help:"Let recipes read the files below a folder, which they call NAME; may be repeated."`
	WriteRoot    []string `name:"write-root" sep:"none" placeholder:"NAME=DIR" help:"Let recipes read and write files below a folder, which they call NAME; may be repeated."`
	MaxFileBytes int64    `name:"max-file-bytes" default:"1073741824" placeholder:"BYTES" help:"Largest file that is read or written (default 1 GiB)."`
	SyncFiles    bool     `name:"sync-files" help:"Flush files to the disk before they count as written: survives power loss, and is slower."`
	Queries      string   `placeholder:"FILE" help:"Let recipes ask databases the queries of this catalogue (docs/ops.md says how it is written)."`
}

// readable are the flags of commands that only compute, about files.
type readable struct {
	ReadRoot []string `name:"read-root" sep:"none" placeholder:"NAME=DIR" help:"Let recipes read parts of the files below a folder, which they call NAME; may be repeated."`
}

func (f readable) apply(c *app.Config) { c.Files.Read = f.ReadRoot }

func (f sources) apply(c *app.Config) {
	c.Files.Read, c.Files.Write, c.Files.MaxBytes, c.Files.Sync = f.ReadRoot, f.WriteRoot, f.MaxFileBytes, f.SyncFiles
	c.Queries = f.Queries
}
