package catalogue

import "strings"

// nearest is the known key or alias that name was probably meant to be, or nothing if none is near: at most a third of
// its characters would have to change.
func (c *Catalogue) nearest(name string) string {
	const longest = 100 // bytes; a longer name is no slip of the keyboard
	if len(name) > longest {
		return ""
	}
	best, bestDistance := "", len(name)/3+1
	try := func(candidate, answer string) {
		if d := distance(strings.ToLower(name), candidate); d < bestDistance {
			best, bestDistance = answer, d
		}
	}
	for _, key := range c.keys {
		if strings.HasSuffix(key.Name, "*") {
			continue
		}
		try(key.Name, key.Name)
		for _, alias := range key.Aliases {
			try(alias, key.Name)
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
