package host

import (
	"net"
	"net/http"
	"net/netip"

	"github.com/fetchmill/fetchmill/internal/web"
)

// localOnly refuses, on a server that listens on a loopback address, requests that name another host. A web page can let its own name
// resolve to 127.0.0.1 and then read what is served there as if it were its own site (DNS rebinding); the name gives it away.
func localOnly(addr net.Addr, h http.Handler) http.Handler {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocal(r.Host) {
			web.WriteProblem(w, web.NewProblem(http.StatusMisdirectedRequest, "",
				"this server is for this machine only: use localhost or 127.0.0.1 in the address, or let it listen on another address with --http-addr"))
			return
		}
		h.ServeHTTP(w, r)
	})
}

// isLocal tells whether the value of a Host header names this machine. HTTP/1.0 requests may have none.
func isLocal(hostport string) bool {
	name, _, err := net.SplitHostPort(hostport)
	if err != nil {
		name = hostport
	}
	if name == "" || name == "localhost" {
		return true
	}
	if len(name) > 2 && name[0] == '[' && name[len(name)-1] == ']' {
		name = name[1 : len(name)-1]
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}
