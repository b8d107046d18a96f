package site

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server is a running site on a free port of 127.0.0.1.
type Server struct {
	URL    string // without a slash at the end
	srv    *http.Server
	cancel context.CancelFunc
	done   chan struct{}
}

// Start starts a site. Close must be called in the end.
func Start(ctx context.Context) (*Server, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the test site: %w", err)
	}
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{
		URL: "http://" + ln.Addr().String(), cancel: cancel, done: make(chan struct{}),
		srv: &http.Server{Handler: New(), ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return base }},
	}
	go func() {
		defer close(s.done)
		_ = s.srv.Serve(ln) // always ends with http.ErrServerClosed, by Close
	}()
	return s, nil
}

// Close ends the site with all its connections, those that hang too.
func (s *Server) Close() {
	s.cancel()
	_ = s.srv.Close()
	<-s.done
}
