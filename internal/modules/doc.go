// Package modules keeps modules of WebAssembly in an object store of the broker, which has the format of NATS object stores (ADR-20 of
// nats-io/nats-architecture-and-design).
//
// The bytes of a module are an object that is named by their SHA-256, so the same bytes are kept once and what an item asks for by hash
// never changes. A name is a link to such an object: one message, so it points to the old bytes or to the new ones and never to
// something between. Whoever only reads needs no right to write.
package modules
