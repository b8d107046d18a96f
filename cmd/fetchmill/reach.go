package main

import "github.com/fetchmill/fetchmill/app"

// reach are the flags that say what recipes may reach although it is not public.
type reach struct {
	AllowNet     []string `name:"allow-net" placeholder:"CIDR" help:"Let recipes reach these networks although they are not public, such as 127.0.0.0/8."`
	NATSAllow    []string `name:"nats-allow" placeholder:"SUBJECT" help:"Let recipes send requests to these subjects of the broker, such as 'billing.>'; * and > stand for what they stand for in NATS."`
	ObjectBucket []string `name:"object-bucket" placeholder:"NAME" help:"Let recipes read this object store of the broker."`
}

func (f reach) apply(to *app.Config) {
	to.AllowNet, to.Subjects, to.Buckets = f.AllowNet, f.NATSAllow, f.ObjectBucket
}
