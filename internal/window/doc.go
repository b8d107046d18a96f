// Package window divides results over windows of time: tumbling, sliding and session windows, by the time at which things happened.
//
// A Spec is what a recipe declares; Compile makes a Plan of it, which judges a result (Plan.Judge): when it happened, for which key, from
// which source. A Board has the open windows that some results may belong to, and how far time has come (Progress); it takes results in
// one after the other (Board.Add). What comes of them is a function of the results in their order, of the clock at each, and of the
// moments at which silence was judged (Progress.Tick): not of how they are divided over transactions.
//
// Instants are milliseconds since 1970. There is no database here and no clock: package store has them.
package window
