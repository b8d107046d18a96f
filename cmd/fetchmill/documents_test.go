package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocumentsNameCommandsThatExist parses every fetchmill command line in the documents and in the help texts.
func TestDocumentsNameCommandsThatExist(t *testing.T) {
	lines := documentedCommands(t)
	require.Greater(t, len(lines), 50, "the pattern for command lines must be wrong")
	for line, file := range lines {
		var c commands
		parser, err := newParser(&c, io.Discard, io.Discard)
		require.NoError(t, err)
		_, err = parser.Parse(shellWords(line)[1:])
		require.NoError(t, err, "%s: %s", file, line)
	}
}

var (
	fence  = regexp.MustCompile("(?s)```sh[^\n]*\n(.*?)```")
	inline = regexp.MustCompile("`(fetchmill [^`\n]+)`")
	// in a line of shell, after what stands before a command
	inShell = regexp.MustCompile(`(?m)(?:^|[|&;]\s*|\./|\./cmd/)(fetchmill [^\n]*)`)
	inHelp  = regexp.MustCompile(`(?m)^ {4}(?:[^\n]*\| )?(fetchmill [^\n]*)`)
	// placeholder of a whole command, as in "fetchmill COMMAND --help"
	placeholder = regexp.MustCompile(`^fetchmill [A-Z]`)
)

// documentedCommands returns the command lines with the files that they are in.
func documentedCommands(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	add := func(file string, matches [][]string) {
		for _, m := range matches {
			if line := strings.ReplaceAll(m[1], " --help", ""); !placeholder.MatchString(line) {
				found[line] = file
			}
		}
	}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/adr/*.md", "../../examples/*/*.md", "../../examples/*/*/*.md", "*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			if filepath.Ext(file) == ".go" {
				if !strings.HasSuffix(file, "_test.go") {
					add(file, inHelp.FindAllStringSubmatch(string(data), -1))
				}
				continue
			}
			add(file, inline.FindAllStringSubmatch(string(data), -1))
			for _, block := range fence.FindAllStringSubmatch(string(data), -1) {
				add(file, inShell.FindAllStringSubmatch(block[1], -1))
			}
		}
	}
	return found
}

// shellWords splits a command line as a shell does, up to where the command ends.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	open := false
	end := func() {
		if open {
			words = append(words, word.String())
		}
		word.Reset()
		open = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ':
			end()
		case strings.ContainsRune("|&;>", r), r == '#' && !open:
			end()
			return words
		default:
			word.WriteRune(r)
			open = true
		}
	}
	end()
	return words
}
