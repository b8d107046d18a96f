package stage

import (
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
)

// routerLog passes the router's errors on. What else it says, it says for each message.
type routerLog struct{ log *slog.Logger }

func (l routerLog) Error(msg string, err error, fields watermill.LogFields) {
	l.log.Error("the router reports an error", "message", msg, "error", err, "fields", fields)
}
func (routerLog) Info(string, watermill.LogFields)                   {}
func (routerLog) Debug(string, watermill.LogFields)                  {}
func (routerLog) Trace(string, watermill.LogFields)                  {}
func (l routerLog) With(watermill.LogFields) watermill.LoggerAdapter { return l }
