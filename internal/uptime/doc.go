// Package uptime decides what the results of checks say about targets: whether they are up or down, since when and why, who is to be told,
// and what share of the time they were up. It knows no database and no clock: what it decides depends on the checks, the targets and what
// was decided before, and on nothing else, so that doing it again gives the same.
//
// Checks are judged in the order in which they were due. One that comes after a later one of its target has been judged counts in the
// shares, which have no order, and no longer changes the state, about which somebody may have been told already.
package uptime
