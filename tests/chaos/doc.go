// Package chaos kills the services and the broker while items flow, and checks that every accepted item ends exactly once.
//
//	go test ./tests/chaos -chaos.items 200000 -chaos.kills 50 -chaos.seed 7
package chaos
