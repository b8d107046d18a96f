// Package host is what every service stands on: its environment, logging, health, HTTP serving and orderly ends.
package host

import (
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Env is what a service needs from the process it runs in. All fields are required.
type Env struct {
	Conn    *nats.Conn
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Tracer  trace.TracerProvider
}
