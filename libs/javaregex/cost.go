package javaregex

// Limits on what a match may cost.
const (
	// maxCost bounds the steps of one match: one or two seconds.
	maxCost = 1 << 26
	// maxText bounds the texts of all patterns, in characters, since a match remembers some 200 bytes for each.
	maxText = 1 << 18
	// perAttempt is the cost of matching a part separately and keeping the outcome, in steps.
	perAttempt = 256
	// maxWays bounds the number of ways in which the parts of a pattern with back-references may match
	// a usual text.
	maxWays = 1 << 20
	// usualText is the length of text that every accepted pattern can match: the longest name of a
	// topic has 249 characters, schema.table.column of PostgreSQL 191.
	usualText = 256
)

// cost is the cost of matching a pattern, or one part that is matched separately.
type cost struct {
	work    int    // steps at each place, without those of parts within it
	longest int    // how many characters it can span
	at      places // where it can begin
	width   int    // how many beginnings are tried for each of these: more than one for a look-behind
}

// steps returns a bound on the steps for a text of this length.
func (c cost) steps(text int) float64 {
	within := func(n int) int {
		if n == unbounded {
			return text
		}
		return min(n, text)
	}
	attempts := float64(within(c.at.last)-min(c.at.first, text)+1) * float64(within(c.width))
	return attempts * (float64(c.work)*float64(within(c.longest)+1) + perAttempt)
}

// places are the places of a text, counted from where a match begins, between the first and the
// last; the last may be unbounded.
type places struct{ first, last int }

// after returns the places after a part of these lengths that begins at p.
func (p places) after(least, most int) places {
	return places{capped(p.first + least), sum(p.last, most)}
}

// before returns the places from which a part of these lengths leads to p.
func (p places) before(least, most int) places {
	if most == unbounded {
		most = p.first
	}
	first := max(p.first-most, 0)
	if p.last == unbounded {
		return places{first, unbounded}
	}
	return places{first, max(p.last-least, first)}
}

// or merges other into p, to which n ways have led so far.
func (p places) or(other places, n int) places {
	if n == 0 {
		return other
	}
	last := max(p.last, other.last)
	if p.last == unbounded || other.last == unbounded {
		last = unbounded
	}
	return places{min(p.first, other.first), last}
}

// ways returns a bound on the number of ways in which a node can match at one place of a usual
// text.
func ways(n node) float64 {
	switch n := n.(type) {
	case sequence:
		all := 1.0
		for _, part := range n {
			all *= ways(part)
		}
		return all
	case alternation:
		all := 0.0
		for _, part := range n {
			all += ways(part)
		}
		return all
	case group:
		return ways(n.body)
	case independent:
		return ways(n.body)
	case look:
		places := usualText
		if n.max != unbounded {
			places = n.max - n.min + 1
		}
		return ways(n.body) * float64(places)
	case repetition:
		once := ways(n.body)
		most := n.max
		if most == unbounded || most > usualText {
			most = usualText
		}
		if once == 1 {
			return float64(max(most-n.min, 0) + 1)
		}
		all, times := 0.0, 1.0
		for range most + 1 {
			if all += times; all > maxWays {
				break
			}
			times *= once
		}
		return all
	}
	return 1
}
