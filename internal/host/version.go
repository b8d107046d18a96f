package host

import "runtime/debug"

const modulePath = "github.com/fetchmill/fetchmill"

// Version is the module's version as the go command has recorded it, also when fetchmill is part of another program;
// "0.0.0-dev" for a build from a working tree.
func Version() string {
	const development = "0.0.0-dev"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return development
	}
	version := info.Main.Version
	if info.Main.Path != modulePath {
		for _, d := range info.Deps {
			if d.Path == modulePath {
				version = d.Version
			}
		}
	}
	if len(version) < 2 || version[0] != 'v' {
		return development
	}
	return version[1:]
}
