// Package notices tells people what the sink has decided to tell them: it takes notices from the broker and sends them on the operator's
// channels.
//
// Each channel has a durable consumer of its own, which all sinks share. So a notice is sent by one of them, and what waits for a channel
// that is down stays in the stream, in its order, and delays no other channel. A notice is acknowledged when the receiver has taken it;
// what is killed between is sent again under the same id. What cannot be sent for too long, or is refused, becomes a dead letter.
package notices
