// Package natscli builds the programs that users have beside fetchmill, so that tests can use the real ones: the nats
// command line, and nats-server as a process of its own. Each is built once per version into the user's cache folder.
// A test that cannot have them fails; it never skips.
package natscli
