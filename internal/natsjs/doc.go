// Package natsjs is a Watermill publisher and subscriber on JetStream pull consumers.
//
// It exists because the stock ones handle one message at a time and wait for each publish (docs/adr/0001). Here the number
// of workers is the concurrency of a subscription; no more messages are held than can be started soon; all that is held is kept
// alive on the broker; and publishing is pipelined, yet Publish returns only when the broker has confirmed.
//
// Messages are marshaled as watermill-nats does it, so that any Watermill application with watermill-nats can publish to and
// subscribe from the same streams.
package natsjs
