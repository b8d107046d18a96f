package main

import "github.com/fetchmill/fetchmill/app"

// reach are the flags of commands that fetch, about what they can get at.
type reach struct {
	AllowNet     []string `name:"allow-net" placeholder:"CIDR" help:"Let recipes reach these networks although they are not public, such as 127.0.0.0/8."`
	Proxy        string   `placeholder:"URL" help:"Fetch through a proxy: http://HOST:PORT or socks5://HOST:PORT, with USER:PASSWORD@ in front of the host if it wants that. Proxies of the environment do not count."`
	NATSAllow    []string `name:"nats-allow" placeholder:"SUBJECT" help:"Let recipes send requests to these subjects of the broker, such as billing.status, or 'billing.>' for all below billing."`
	MaxBody      size     `name:"max-body" default:"64MiB" placeholder:"SIZE" help:"Largest body that is fetched, decoded (default ${default}). Recipes can ask for less with max_bytes."`
	ObjectBucket []string `name:"object-bucket" placeholder:"NAME" help:"Let recipes read this object store of the broker."`
}

func (f reach) apply(c *app.Config) {
	c.AllowNet, c.Proxy, c.Subjects, c.Buckets = f.AllowNet, f.Proxy, f.NATSAllow, f.ObjectBucket
	c.MaxBody = int64(f.MaxBody)
}
