package arch

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Violation is one breach of a rule.
type Violation struct {
	Rule     string // what must hold
	Offender string // the import, package or file
	Remedy   string // what to do instead
}

func (v Violation) String() string {
	return fmt.Sprintf("%s\n    found:  %s\n    remedy: %s", v.Rule, v.Offender, v.Remedy)
}

// importRule forbids some imports. Paths are relative to the module; from and to are "" for what is outside.
type importRule struct {
	name      string
	remedy    string
	tests     bool // whether it holds for test files too
	forbidden func(from, to, full string) bool
}

const watermillNATS = "github.com/ThreeDotsLabs/watermill-nats"

var importRules = []importRule{
	{
		name:   "pkg/events imports only the standard library",
		remedy: "keep the contract free of dependencies, so that any program can import it; put the code that needs this into an internal package",
		forbidden: func(from, to, full string) bool {
			return within(from, "pkg/events") && !within(to, "pkg/events") && !standard(full)
		},
	},
	{
		name:   "pkg/ops imports only the standard library and pkg/events",
		remedy: "put the code that needs this into the service that has the operation",
		forbidden: func(from, to, full string) bool {
			return within(from, "pkg/ops") && !within(to, "pkg/ops") && !within(to, "pkg/events") && !standard(full)
		},
	},
	{
		name:   "services never import each other",
		remedy: "services are joined by messages only: put the shared contract into pkg/events, shared machinery into internal",
		forbidden: func(from, to, _ string) bool {
			return within(from, "services") && within(to, "services") && service(from) != service(to)
		},
	},
	{
		name:   "services never import the broker",
		remedy: "a service is given its connection in host.Env; only app decides where the broker runs",
		forbidden: func(from, to, _ string) bool {
			return within(from, "services") && within(to, "internal/broker")
		},
	},
	{
		name:   "only app, cmd, bench and tests import services",
		remedy: "turn the dependency round: declare the interface that is needed here and let app pass the service in",
		forbidden: func(from, to, _ string) bool {
			return within(to, "services") && !within(from, "services") && !within(from, "app") && !seesAll(from)
		},
	},
	{
		name:   "only cmd, bench, examples and tests import app",
		remedy: "app puts everything together, so nothing that it is made of can need it: pass what is needed in through a configuration",
		forbidden: func(from, to, _ string) bool {
			return within(to, "app") && !within(from, "app") && !within(from, "examples") && !seesAll(from)
		},
	},
	{
		name:   "only cmd, bench and tests import cmd",
		remedy: "move what is needed out of cmd, which has no logic of its own",
		forbidden: func(from, to, _ string) bool {
			return within(to, "cmd") && !seesAll(from)
		},
	},
	{
		name:   "only cmd, bench and tests import tests and bench",
		remedy: "move what is needed into the package that it is about, or into a package beside it such as internal/broker/brokertest",
		forbidden: func(from, to, _ string) bool {
			return (within(to, "tests") || within(to, "bench")) && !seesAll(from)
		},
	},
	{
		name:   "nothing but internal/natsjs, bench and tests imports watermill-nats",
		remedy: "publish and subscribe through internal/natsjs, see docs/adr/0001-own-pubsub.md",
		tests:  true,
		forbidden: func(from, _, full string) bool {
			return within(full, watermillNATS) && !within(from, "internal/natsjs") && !within(from, "bench") && !within(from, "tests")
		},
	},
}

// seesAll tells whether a package may import everything.
func seesAll(rel string) bool {
	return within(rel, "cmd") || within(rel, "bench") || within(rel, "tests")
}

// within tells whether a path is folder or below it.
func within(rel, folder string) bool {
	return rel == folder || strings.HasPrefix(rel, folder+"/")
}

// standard tells whether an import is of the standard library: only there has the first element no dot.
func standard(full string) bool {
	first, _, _ := strings.Cut(full, "/")
	return !strings.Contains(first, ".")
}

// service is the name of the service that a path below services belongs to.
func service(rel string) string {
	parts := strings.SplitN(rel, "/", 3)
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}

// emptyNames say nothing about what is inside.
var emptyNames = []string{
	"util", "utils", "common", "helper", "helpers", "types", "misc", "shared", "base", "lib",
}

const (
	ruleDoc   = "every package says in its first sentence what it is for"
	ruleName  = "no package has a name that says nothing"
	ruleLines = "no file is longer than 450 lines, tests aside"

	maxLines = 450
)

// lineCounter tells how many lines a file of a package has.
type lineCounter func(p *Pkg, file string) (int, error)

// Check applies all rules to the packages.
func Check(pkgs []Pkg, lines lineCounter) ([]Violation, error) {
	var all []Violation
	for i := range pkgs {
		p := &pkgs[i]
		all = append(all, checkImports(p)...)
		all = append(all, checkNames(p)...)
		long, err := checkLines(p, lines)
		if err != nil {
			return nil, err
		}
		all = append(all, long...)
	}
	return all, nil
}

func checkImports(p *Pkg) []Violation {
	var found []Violation
	inTests := append(append([]string{}, p.TestImports...), p.XTestImports...)
	for _, rule := range importRules {
		imports := p.Imports
		if rule.tests {
			imports = append(append([]string{}, imports...), inTests...)
			slices.Sort(imports)
			imports = slices.Compact(imports)
		}
		for _, imported := range imports {
			if rule.forbidden(p.rel(), relative(p.Module.Path, imported), imported) {
				found = append(found, Violation{rule.name, p.ImportPath + " -> " + imported, rule.remedy})
			}
		}
	}
	return found
}

func checkNames(p *Pkg) []Violation {
	var found []Violation
	if p.Doc == "" {
		found = append(found, Violation{
			ruleDoc, p.ImportPath, "add a doc.go with a comment that starts with \"Package " + p.Name + "\"",
		})
	}
	for _, name := range []string{path.Base(p.rel()), p.Name} {
		if slices.Contains(emptyNames, name) {
			found = append(found, Violation{ruleName, p.ImportPath, "name it after what it provides, or move its parts to where they are used"})
			break
		}
	}
	return found
}

func checkLines(p *Pkg, lines lineCounter) ([]Violation, error) {
	var found []Violation
	for _, file := range p.sources() {
		n, err := lines(p, file)
		if err != nil {
			return nil, err
		}
		if n > maxLines {
			found = append(found, Violation{
				ruleLines, fmt.Sprintf("%s/%s has %d", p.rel(), file, n), "a file holds one idea: move the others to files of their own",
			})
		}
	}
	return found, nil
}
