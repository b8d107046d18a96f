// Package reduce makes one answer out of many results: counts, sums, extremes, means, quantiles, distinct values, the most frequent
// values and histograms, of expressions over the results and by key.
//
// The answer depends on nothing but the set of results: not on their order, nor on how they were divided over transactions and
// replicas. So sums are exact and rounded once, sketches are functions of the set of values, and where a bound is reached, what
// is kept is what sorts first. A result must be added once; package store sees to that.
//
// A Spec is what a user declares. Compile makes a Plan of it, which judges a result (Plan.Judge) before a Tally takes it in
// (Tally.Add). Tallies are merged in memory (Tally.Merge) or into rows of a database (Tally.Save); Tally.Answer is for people.
package reduce
