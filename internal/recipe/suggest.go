package recipe

// suggest returns the name that was probably meant by s, or "" if none is close.
func suggest(s string, names []string) string {
	best, least := "", 3
	for _, n := range names {
		if d := distance(s, n); d < least && d < len(n) {
			best, least = n, d
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements of bytes that lead from a to b (Levenshtein distance).
// Names longer than any valid one are far from everything.
func distance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
	var row [longest + 1]int
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
