package main

import "github.com/fetchmill/fetchmill/app"

// secrets are the flags of all commands that fetch with credentials.
type secrets struct {
	Credentials string `placeholder:"FILE" help:"YAML file of the credentials that items may name with auth, and of the hosts that each may be sent to."`
}

func (f secrets) apply(to *app.Config) { to.Credentials = f.Credentials }
