// Package spelling finds the name that a misspelt one was meant to be.
package spelling

import (
	"iter"
	"strings"
)

// longest bounds the names compared, in bytes: a longer one is not a typing error.
const longest = 100

// Nearest returns the candidate that differs least from name, ignoring case, if at most one letter
// in three would have to change, and no whole word between dots; otherwise "". A candidate that
// only continues the name, or that the name continues, is nearer than one with other letters. Of
// equally near candidates it returns the first.
func Nearest(name string, candidates iter.Seq[string]) string {
	if len(name) > longest {
		return ""
	}
	lowered := strings.ToLower(name)
	best, bestDistance, bestGoesOn := "", len(name)/3+1, false
	for candidate := range candidates {
		other := strings.ToLower(candidate)
		d := distance(lowered, other)
		goesOn := strings.HasPrefix(lowered, other) || strings.HasPrefix(other, lowered)
		if d > len(name)/3 || anotherWord(lowered, other) || bestGoesOn && !goesOn {
			continue
		}
		if d < bestDistance || goesOn && !bestGoesOn {
			best, bestDistance, bestGoesOn = candidate, d, goesOn
		}
	}
	return best
}

// anotherWord reports whether the names have the same number of words and one of these shares no
// letter with its counterpart.
func anotherWord(a, b string) bool {
	words, others := strings.Split(a, "."), strings.Split(b, ".")
	if len(words) != len(others) {
		return false
	}
	for i, word := range words {
		if longer := max(len(word), len(others[i])); longer > 0 && distance(word, others[i]) == longer {
			return true
		}
	}
	return false
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
