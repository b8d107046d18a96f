// Package bodies keeps bodies that are too large to travel in a message, in an object store of the broker: claim checks. A reference travels
// instead (events.BodyRef).
//
// An object is named after the SHA-256 of its content, so the same bytes are kept once, and anybody can check what they have read. The store
// forgets objects some time after they were written (topology.Config.BodiesAge). It has the format of NATS object stores (ADR-20 of
// nats-io/nats-architecture-and-design), so `nats object get bodies NAME` reads it.
//
// All errors are verdicts of package ops, or the context's when the work was called off.
package bodies
