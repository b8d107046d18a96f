// Package kubernetes looks at deploy/kubernetes with the types that Kubernetes and KEDA themselves read manifests with. It is a module of
// its own, so that those who import fetchmill need not have any of that.
package kubernetes
