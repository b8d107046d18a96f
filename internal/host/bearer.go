package host

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"

	"github.com/fetchmill/fetchmill/internal/web"
)

// Access says who may use the HTTP API.
type Access struct {
	TokenFile string `name:"http-token-file" placeholder:"FILE" help:"Let only those use the HTTP API who send the token in this file (Authorization: Bearer TOKEN). Several lines are several tokens. Required to listen on more than the loopback interface."`
	Open      bool   `name:"http-open" help:"Listen on more than the loopback interface without a token, because something else asks for credentials."`
}

// ErrOpen means that everybody on the network could use the HTTP API.
var ErrOpen = errors.New("the HTTP API would be open to other machines")

// Guard wraps an API as addr and the file of tokens ask for it. Errors name the flags.
func (a Access) Guard(addr net.Addr, log *slog.Logger, api http.Handler) (http.Handler, error) {
	if a.TokenFile != "" {
		tokens, err := loadTokens(a.TokenFile, log)
		if err != nil {
			return nil, fmt.Errorf("--http-token-file: %w", err)
		}
		return tokens.require(api), nil
	}
	if tcp, ok := addr.(*net.TCPAddr); (!ok || !tcp.IP.IsLoopback()) && !a.Open {
		return nil, fmt.Errorf("%w on %s: let them show a token with --http-token-file FILE (`fetchmill keys make` makes one), "+
			"listen on 127.0.0.1 only with --http-addr, or say --http-open if something else asks for credentials", ErrOpen, addr)
	}
	return api, nil
}

const (
	maxTokenFile = 64 << 10
	leastToken   = 16
)

// bearer is what a token may be made of (b64token of RFC 6750).
var bearer = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// tokens are the hashes of those that are good. Comparing hashes takes the same time whatever they are of.
type tokens [][sha256.Size]byte

func loadTokens(path string, log *slog.Logger) (tokens, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	if info, err := file.Stat(); err == nil && info.Mode().Perm()&0o004 != 0 {
		log.Warn("everybody on this machine can read the file of the token for HTTP: take the right away with chmod o-r", "path", path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxTokenFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxTokenFile {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxTokenFile)
	}
	list, err := parseTokens(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// parseTokens reads one token from each line; empty ones, and those that begin with #, do not count.
func parseTokens(text []byte) (tokens, error) {
	var list tokens
	for i, line := range bytes.Split(text, []byte("\n")) {
		token := bytes.TrimSpace(line)
		switch {
		case len(token) == 0 || token[0] == '#':
			continue
		case len(token) < leastToken:
			return nil, fmt.Errorf("line %d: a token has at least %d characters", i+1, leastToken)
		case !bearer.Match(token):
			return nil, fmt.Errorf("line %d: a token is made of letters, digits and -._~+/, with = at the end", i+1)
		}
		list = append(list, sha256.Sum256(token))
	}
	if len(list) == 0 {
		return nil, errors.New("there is no token in it: write one of at least 16 characters, or let `fetchmill keys make` make one")
	}
	return list, nil
}

// good tells whether a token is one of them, in a time that does not depend on which, or how much of it is right.
func (t tokens) good(token string) bool {
	hash := sha256.Sum256([]byte(token))
	found := 0
	for i := range t {
		found |= subtle.ConstantTimeCompare(t[i][:], hash[:])
	}
	return found == 1
}

// require refuses requests without a good token (RFC 6750).
func (t tokens) require(api http.Handler) http.Handler {
	const challenge = `Bearer realm="fetchmill"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		switch {
		case !strings.EqualFold(scheme, "Bearer"):
			w.Header().Set("WWW-Authenticate", challenge)
			web.WriteProblem(w, web.NewProblem(http.StatusUnauthorized, "", "send the token with the header Authorization: Bearer TOKEN"))
		case !t.good(strings.TrimSpace(token)):
			w.Header().Set("WWW-Authenticate", challenge+`, error="invalid_token"`)
			web.WriteProblem(w, web.NewProblem(http.StatusUnauthorized, "", "this is not a token that is good here: compare it with the file of --http-token-file"))
		default:
			api.ServeHTTP(w, r)
		}
	})
}
