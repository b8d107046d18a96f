package programs

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/yamldoc"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// ErrCatalogue means that a file is not a valid catalogue of programs. The text says what is wrong, and where.
var ErrCatalogue = errors.New("invalid catalogue of programs")

const (
	maxFileBytes = 1 << 20
	maxArguments = 1000
)

// inherited are the variables that programs get from the environment of the cruncher.
var inherited = []string{"PATH", "HOME", "LANG", "TZ"}

type programDocument struct {
	Command      []string          `yaml:"command"`
	Dir          string            `yaml:"dir"`
	Env          map[string]string `yaml:"env"`
	Workers      *int              `yaml:"workers"`
	MaxOutput    *string           `yaml:"max_output"`
	MaxInput     *string           `yaml:"max_input"`
	Memory       *string           `yaml:"memory"`
	RecycleAfter *int              `yaml:"recycle_after"`
	StartTimeout string            `yaml:"start_timeout"`
}

// Load reads a catalogue from a file and checks it, without starting any program. Folders, and commands with a slash, are relative to the
// folder of the file. It joins all faults; they wrap ErrCatalogue.
func Load(path string) (*Catalogue, error) {
	data, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCatalogue, err)
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCatalogue, err)
	}
	return Parse(data, folder, os.LookupEnv)
}

func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("it has more than %d bytes", maxFileBytes)
	}
	return data, err
}

// Parse is Load with the text of the file, its folder and a source of variables. Whether commands are there is looked up in the file system.
func Parse(data []byte, folder string, lookup func(string) (string, bool)) (*Catalogue, error) {
	var doc map[string]programDocument
	at, err := yamldoc.Decode(data, &doc)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCatalogue, err)
	}
	if len(doc) == 0 {
		return nil, fmt.Errorf("%w: there is no program: write a name, and below it a command", ErrCatalogue)
	}
	p := parser{Position: at, folder: folder, lookup: lookup}
	c := &Catalogue{programs: make(map[string]program, len(doc))}
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		c.programs[name] = p.program(name, doc[name])
	}
	if len(p.faults) > 0 {
		slices.SortStableFunc(p.faults, func(a, b fault) int { return cmp.Compare(a.line, b.line) })
		errs := make([]error, len(p.faults))
		for i, f := range p.faults {
			errs[i] = f.err
		}
		return nil, fmt.Errorf("%w: %w", ErrCatalogue, errors.Join(errs...))
	}
	return c, nil
}

type parser struct {
	yamldoc.Position
	folder string
	lookup func(string) (string, bool)
	faults []fault
}

type fault struct {
	line int
	err  error
}

func (p *parser) program(name string, doc programDocument) program {
	refuse := func(field string, err error) {
		p.faults = append(p.faults, fault{p.Line(name, field), p.Wrap(fmt.Errorf("program %.60s: %w", name, err), name, field)})
	}
	if err := events.ValidName(name); err != nil {
		refuse("", err)
	}
	prog := program{name: name, dir: p.folder, maxOutput: defaultMaxOutput, maxInput: defaultMaxInput}
	if doc.Dir != "" {
		if prog.dir = doc.Dir; !filepath.IsAbs(prog.dir) {
			prog.dir = filepath.Join(p.folder, prog.dir)
		}
	}
	if info, err := os.Stat(prog.dir); err != nil {
		refuse("dir", fmt.Errorf("dir: %w", err))
	} else if !info.IsDir() {
		refuse("dir", fmt.Errorf("dir: %s is not a folder", prog.dir))
	}
	var err error
	if prog.argv, err = command(doc.Command, prog.dir); err != nil {
		refuse("command", err)
	}
	if prog.env, err = p.environment(doc.Env); err != nil {
		refuse("env", err)
	}
	whole := func(field string, v *int, most int) int {
		switch {
		case v == nil:
			return 0
		case *v < 1 || *v > most:
			refuse(field, fmt.Errorf("%s %d: write a number from 1 to %d", field, *v, most))
		}
		return *v
	}
	prog.workers = whole("workers", doc.Workers, mostWorkers)
	prog.recycleAfter = whole("recycle_after", doc.RecycleAfter, math.MaxInt32)
	size := func(field string, v *string, otherwise, least, most int64) int64 {
		if v == nil {
			return otherwise
		}
		n, err := parseSize(*v)
		if err != nil || n < least || n > most {
			refuse(field, fmt.Errorf("%s %.40q: write a number of bytes, also with KiB, MiB or GiB, from %d to %d", field, *v, least, most))
		}
		return n
	}
	prog.maxOutput = int(size("max_output", doc.MaxOutput, defaultMaxOutput, leastMaxOutput, mostMaxOutput))
	prog.maxInput = size("max_input", doc.MaxInput, defaultMaxInput, 1, mostMaxInput)
	prog.memory = uint64(size("memory", doc.Memory, 0, leastMemory, math.MaxInt64))
	if doc.Memory != nil && !canLimitMemory {
		refuse("memory", errors.New("memory can be limited on Linux only: leave it out"))
	}
	if doc.StartTimeout != "" {
		prog.startTimeout, err = time.ParseDuration(doc.StartTimeout)
		if err != nil || prog.startTimeout < time.Millisecond || prog.startTimeout > mostStart {
			refuse("start_timeout", fmt.Errorf("start_timeout %.40q: write a duration from 1ms to %s, such as 30s", doc.StartTimeout, mostStart))
		}
	}
	return prog
}

// command finds the program that a command names.
func command(argv []string, dir string) ([]string, error) {
	switch {
	case len(argv) == 0 || argv[0] == "":
		return nil, errors.New("command is missing: write the program and its arguments as a list, such as [python3, worker.py]")
	case len(argv) > maxArguments:
		return nil, fmt.Errorf("command has more than %d arguments", maxArguments)
	}
	for _, a := range argv {
		if strings.ContainsRune(a, 0) {
			return nil, errors.New("command has a byte 0 in it")
		}
	}
	name := argv[0]
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("command: %w; write its path if it is not in PATH", err)
	}
	return append([]string{path}, argv[1:]...), nil
}

var (
	nameRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	sizeRE = regexp.MustCompile(`^(\d{1,15}) ?(|KiB|MiB|GiB)$`)
)

// environment is all variables that the program gets.
func (p *parser) environment(own map[string]string) ([]string, error) {
	var env []string
	for _, name := range inherited {
		value, ok := p.lookup(name)
		if _, replaced := own[name]; ok && !replaced {
			env = append(env, name+"="+value)
		}
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if !nameRE.MatchString(name) {
			faults = append(faults, fmt.Errorf("env %.60q: use letters, digits and '_' in the name of a variable", name))
		}
		value, err := yamldoc.Expand(own[name], p.lookup)
		if err == nil && strings.ContainsRune(value, 0) {
			err = errors.New("the value has a byte 0 in it")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("env %.60s: %w", name, err))
		}
		env = append(env, name+"="+value)
	}
	return env, errors.Join(faults...)
}

// parseSize reads a number of bytes such as 1000, 512KiB or 2 GiB.
func parseSize(text string) (int64, error) {
	m := sizeRE.FindStringSubmatch(text)
	if m == nil {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	unit := map[string]int64{"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[m[2]]
	if err != nil || n > math.MaxInt64/unit {
		return 0, strconv.ErrRange
	}
	return n * unit, nil
}
