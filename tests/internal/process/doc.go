// Package process runs programs for tests as processes of their own: fetchmill, a broker, and whatever else is to be
// started, signalled, killed and waited for.
package process
