// Package stats has what measurements reckon with the figures of their rounds.
package stats

import "slices"

// Median returns the middle value; of an even number of values the mean of the middle two. There must be at least one.
func Median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	n := len(list)
	return (list[(n-1)/2] + list[n/2]) / 2
}
