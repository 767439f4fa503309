// Package spelling finds what a misspelt name was meant to be.
package spelling

import (
	"iter"
	"strings"
)

// longest bounds the names compared, in bytes: a longer one is no slip of the keyboard.
const longest = 100

// Nearest is the candidate that differs least from name without regard to case, if at most one letter in three and not
// the whole name would have to change; else empty. Of equally near ones it is the first.
func Nearest(name string, candidates iter.Seq[string]) string {
	if len(name) > longest {
		return ""
	}
	lowered := strings.ToLower(name)
	best, bestDistance := "", len(name)/3+1
	for candidate := range candidates {
		if d := distance(lowered, strings.ToLower(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			substituted := diagonal
			if a[i-1] != b[j-1] {
				substituted++
			}
			diagonal = row[j]
			row[j] = min(substituted, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
