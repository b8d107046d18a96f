package programs

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fetchmill/fetchmill/internal/leaktest"
)

// modeVariable makes this test binary one of the programs that it tests.
const modeVariable = "TEST_PROGRAM"

func TestMain(m *testing.M) {
	if mode := os.Getenv(modeVariable); mode != "" {
		os.Exit(child(mode))
	}
	leaktest.Main(m)
}

// asked is a line that a program gets.
type asked struct {
	ID    uint64          `json:"id"`
	Item  string          `json:"item"`
	Args  json.RawMessage `json:"args"`
	Value json.RawMessage `json:"value"`
	Body  []byte          `json:"body"`
}

// child is a program that does with each item what its value says: a word, or a word and an argument.
func child(mode string) int {
	switch mode {
	case "banner":
		fmt.Fprintln(os.Stdout, "welcome")
	case "die":
		fmt.Fprintln(os.Stderr, "no licence")
		return 3
	case "ready":
		fmt.Fprintln(os.Stdout, `{"ready":true}`)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	case "grandchild":
		return holdOpen(os.Args[len(os.Args)-1])
	case "host":
		return host(os.Args[len(os.Args)-1])
	case "mute":
		return forever()
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		text, err := in.ReadBytes('\n')
		if err != nil {
			if mode == "stubborn" {
				return forever()
			}
			return 0
		}
		var a asked
		if err := json.Unmarshal(text, &a); err != nil {
			fmt.Fprintln(os.Stderr, "cannot read", err)
			return 4
		}
		if status, end := behave(a, text); end {
			return status
		}
	}
}

func forever() int {
	<-time.After(time.Hour)
	return 0
}

// behave does one item. It says whether the program is to end, and with which status.
func behave(a asked, text []byte) (int, bool) {
	var wish string
	_ = json.Unmarshal(a.Value, &wish)
	word, arg, _ := strings.Cut(wish, " ")
	answer := func(format string, args ...any) {
		fmt.Fprintf(os.Stdout, `{"id":%d,`+format+"}\n", append([]any{a.ID}, args...)...)
	}
	switch word {
	case "line":
		answer(`"value":%s`, strconv.Quote(strings.TrimSpace(string(text))))
	case "raw":
		fmt.Fprint(os.Stdout, strings.ReplaceAll(arg, "ID", strconv.FormatUint(a.ID, 10))+"\n")
	case "pid":
		answer(`"value":%d`, os.Getpid())
	case "environment":
		list, _ := json.Marshal(os.Environ())
		answer(`"value":%s`, list)
	case "folder":
		dir, _ := os.Getwd()
		answer(`"value":%q`, dir)
	case "twice":
		answer(`"value":1`)
		answer(`"value":1`)
	case "last":
		answer(`"value":"bye"`)
		return 0, true
	case "exit":
		status, _ := strconv.Atoi(arg)
		fmt.Fprintln(os.Stderr, "first line")
		fmt.Fprintln(os.Stderr, "it is all over")
		return status, true
	case "partial":
		fmt.Fprintf(os.Stdout, `{"id":%d,"val`, a.ID)
		return 0, true
	case "partial-sleep":
		fmt.Fprintf(os.Stdout, `{"id":%d,"val`, a.ID)
		return forever(), true
	case "pieces":
		for _, piece := range []string{`{"id":`, strconv.FormatUint(a.ID, 10), `,"value":`, `"whole"`, "}", "\n"} {
			fmt.Fprint(os.Stdout, piece)
		}
	case "flood":
		piece := []byte(strings.Repeat("x", 1<<16))
		for range 1 << 30 / len(piece) {
			if _, err := os.Stdout.Write(piece); err != nil {
				return 5, true
			}
		}
		return forever(), true
	case "big":
		n, _ := strconv.Atoi(arg)
		answer(`"value":%q`, strings.Repeat("x", n))
	case "close-stdin":
		_ = os.Stdin.Close()
		return forever(), true
	case "close-both":
		_ = os.Stdin.Close()
		_ = os.Stdout.Close()
		return forever(), true
	case "sleep":
		return forever(), true
	case "own": // holds the named pipe open itself
		return holdOpen(arg), true
	case "hold": // in a process of its own, which holds our stdout and the named pipe open
		signal.Ignore(syscall.SIGTERM)
		cmd := exec.Command(os.Args[0], arg)
		cmd.Env = []string{modeVariable + "=grandchild"}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			return 6, true
		}
		return forever(), true
	case "hold-and-exit":
		cmd := exec.Command(os.Args[0], arg)
		cmd.Env = []string{modeVariable + "=grandchild"}
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			return 6, true
		}
		answer(`"value":"held"`)
		return 0, true
	default:
		answer(`"value":%s,"body":%s`, orNull(a.Value), quoted(a.Body))
	}
	return 0, false
}

func orNull(v json.RawMessage) string {
	if v == nil {
		return "null"
	}
	return string(v)
}

func quoted(body []byte) string {
	b, _ := json.Marshal(body)
	return string(b)
}

// holdOpen opens a named pipe for writing and keeps it so.
func holdOpen(path string) int {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return 7
	}
	defer f.Close()
	return forever()
}

// host runs a program as a cruncher does, which never ends, and can be killed.
func host(fifo string) int {
	r := New(&Catalogue{programs: map[string]program{"p": helper("worker")}}, Config{Workers: 1})
	ctx := background()
	_, err := r.Run(ctx, "p", Call{Value: text("own " + fifo)})
	fmt.Fprintln(os.Stderr, err)
	return 8
}
