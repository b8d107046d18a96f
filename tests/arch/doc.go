// Package arch checks the architecture: who may import whom, and what every package and file owes its readers. It reads
// the module with go list and reports each violation with the rule, the offender and what to do instead.
package arch
