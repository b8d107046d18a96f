module natscli

go 1.26.0

require github.com/nats-io/natscli v0.4.0
