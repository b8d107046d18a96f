// Package events is the contract between the services of fetchmill, and between fetchmill and everyone who publishes to it
// or follows it: records (Item, Result, BatchRecord), subjects, ids, headers and the closed list of reasons for failure.
//
// A message between services is a CloudEvent in binary mode: attributes in NATS headers, data in JSON
// (CloudEvents 1.0.2 and its NATS protocol binding, https://github.com/cloudevents/spec). What users may send is
// more liberal and is read by ParseInput.
//
// The package depends on nothing but the standard library, so that any program can import the contract by itself.
package events
