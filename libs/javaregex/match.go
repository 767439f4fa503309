package javaregex

import "unicode"

// matcher matches one text.
type matcher struct {
	pattern *Pattern
	text    []rune
	whole   bool // the match must end with the text
	// groups holds the bounds of the groups' matches, -1 for a group without one; marks are places
	// that the program remembers.
	groups, marks []int
	// undo lists how to restore earlier groups and marks.
	undo []change
	// end is where the match ends.
	end int
	// known holds the outcomes of parts that are matched separately, if there are no back-references:
	// then they depend only on the place.
	known map[attempt]outcome
	// seen holds the states that lead to no match, wherever a match begins.
	seen *visits
}

type change struct {
	at  *int
	was int
}

type attempt struct{ sub, start, until int }

type outcome struct {
	matched bool
	end     int
	groups  []int // bounds of the part's own groups
}

// anywhere means that a part may end at any place.
const anywhere = -1

func newMatcher(p *Pattern, text string) *matcher {
	return &matcher{pattern: p, text: []rune(text), groups: make([]int, 2*p.groups), marks: make([]int, p.marks),
		known: map[attempt]outcome{}}
}

func (m *matcher) matchAt(start int, whole bool) bool {
	m.whole = whole
	m.undo = m.undo[:0]
	for i := range m.groups {
		m.groups[i] = -1
	}
	until := anywhere
	if whole {
		until = len(m.text)
	}
	if m.seen == nil && !m.pattern.refers {
		m.seen = newVisits(m.pattern.states, 0, len(m.text))
	}
	end, matched := m.run(0, start, until, m.seen)
	if matched {
		m.groups[0], m.groups[1] = start, end
		m.end = end
	}
	return matched
}

func (m *matcher) set(at *int, value int) {
	m.undo = append(m.undo, change{at, *at})
	*at = value
}

func (m *matcher) back(to int) {
	for i := len(m.undo) - 1; i >= to; i-- {
		*m.undo[i].at = m.undo[i].was
	}
	m.undo = m.undo[:to]
}

// visits remembers which states were reached at which places.
type visits struct {
	seen        []uint64
	from, width int
}

func newVisits(states, from, to int) *visits {
	width := to - from + 1
	return &visits{make([]uint64, (states*width+63)/64), from, width}
}

// first reports whether a state is reached for the first time.
func (v *visits) first(state, at int) bool {
	bit := state*v.width + at - v.from
	if v.seen[bit/64]>>(bit%64)&1 != 0 {
		return false
	}
	v.seen[bit/64] |= 1 << (bit % 64)
	return true
}

type branch struct{ pc, at, undo int }

// run runs the program from an instruction to the next opAccept, which must be reached at until
// unless that is anywhere. If nothing matches, groups and marks are restored. seen is nil if groups
// decide what matches.
func (m *matcher) run(pc, at, until int, seen *visits) (end int, matched bool) {
	begun := len(m.undo)
	last := until // an independent part may match beyond it
	if until == anywhere {
		last = len(m.text)
	}
	stack := []branch{{pc, at, begun}}
	for len(stack) > 0 {
		b := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		m.back(b.undo)
		pc, at = b.pc, b.at
	follow:
		for {
			i := &m.pattern.code[pc]
			switch i.op {
			case opSet:
				if at >= last || !i.has(m.text[at]) {
					break follow
				}
				pc, at = pc+1, at+1
			case opSplit:
				if seen != nil && !seen.first(i.number, at) {
					break follow
				}
				stack = append(stack, branch{i.second, at, len(m.undo)})
				pc = i.first
			case opJump:
				pc = i.first
			case opMark:
				m.set(&m.marks[i.number], at)
				pc++
			case opSave:
				m.set(&m.groups[2*i.number], m.marks[i.first])
				m.set(&m.groups[2*i.number+1], at)
				pc++
			case opLoop:
				if at > m.marks[i.number] {
					pc = i.first
				} else {
					pc = i.second
				}
			case opAssert:
				if !m.holds(i.assertion, at) {
					break follow
				}
				pc++
			case opRefer:
				n, ok := m.refer(i.reference, at)
				if !ok {
					break follow
				}
				pc, at = pc+1, at+n
			case opSub:
				next, ok := m.sub(i, at)
				if !ok || next > last {
					break follow
				}
				pc, at = i.second, next
			case opAccept:
				if until == anywhere || at == until {
					return at, true
				}
				break follow
			}
		}
	}
	m.back(begun)
	return 0, false
}

// sub matches an independent group, or looks ahead or behind; next is where the match continues.
func (m *matcher) sub(i *instruction, at int) (next int, ok bool) {
	l := i.look
	switch {
	case l == nil:
		return m.part(i, at, anywhere)
	case !l.behind:
		_, ok = m.part(i, at, anywhere)
	default:
		from := 0
		if l.max != unbounded {
			from = max(at-l.max, 0)
		}
		for start := at - l.min; start >= from && !ok; start-- {
			_, ok = m.part(i, start, at)
		}
	}
	return at, ok != l.negated
}

// part runs the part of an opSub, or returns its remembered outcome.
func (m *matcher) part(i *instruction, start, until int) (int, bool) {
	if m.pattern.refers {
		return m.run(i.first, start, until, nil)
	}
	key := attempt{i.number, start, until}
	if known, ok := m.known[key]; ok {
		for k, g := range i.groups {
			if known.matched && known.groups[2*k] != -1 {
				m.set(&m.groups[2*g], known.groups[2*k])
				m.set(&m.groups[2*g+1], known.groups[2*k+1])
			}
		}
		return known.end, known.matched
	}
	before := make([]int, 0, 2*len(i.groups))
	for _, g := range i.groups { // so that the outcome depends only on this part
		before = append(before, m.groups[2*g], m.groups[2*g+1])
		m.set(&m.groups[2*g], -1)
		m.set(&m.groups[2*g+1], -1)
	}
	last := len(m.text)
	if until != anywhere {
		last = until
	}
	if i.longest != unbounded {
		last = min(last, start+i.longest)
	}
	found := outcome{}
	found.end, found.matched = m.run(i.first, start, until, newVisits(i.states, start, last))
	for k, g := range i.groups {
		if found.matched {
			found.groups = append(found.groups, m.groups[2*g], m.groups[2*g+1])
		}
		if m.groups[2*g] == -1 {
			m.set(&m.groups[2*g], before[2*k])
			m.set(&m.groups[2*g+1], before[2*k+1])
		}
	}
	m.known[key] = found
	return found.end, found.matched
}

func (m *matcher) refer(r reference, at int) (length int, ok bool) {
	if r.number >= m.pattern.groups || m.groups[2*r.number] < 0 {
		return 0, false
	}
	what := m.text[m.groups[2*r.number]:m.groups[2*r.number+1]]
	if at+len(what) > len(m.text) {
		return 0, false
	}
	f := flags{fold: r.fold, foldUnicode: r.foldUnicode}
	for k, c := range what {
		if x := m.text[at+k]; x != c && !(r.fold && f.single(c)(x)) {
			return 0, false
		}
	}
	return len(what), true
}

func (m *matcher) holds(a assertion, at int) bool {
	last := len(m.text)
	terminator := func(k int) bool {
		if a.flags.unixLines {
			return m.text[k] == '\n'
		}
		return lineTerminator(m.text[k])
	}
	within := func(k int) bool { // between \r and \n
		return !a.flags.unixLines && k > 0 && k < last && m.text[k-1] == '\r' && m.text[k] == '\n'
	}
	switch a.kind {
	case textStart:
		return at == 0
	case textEnd:
		return at == last
	case lineStart:
		return at != last && (at == 0 || terminator(at-1) && !within(at))
	case lineEnd:
		return at == last || terminator(at) && !within(at)
	case lastLineEnd:
		if at == last {
			return true
		}
		if !terminator(at) || within(at) {
			return false
		}
		return at == last-1 || !a.flags.unixLines && at == last-2 && m.text[at] == '\r' && m.text[at+1] == '\n'
	case wordBoundary, noWordBoundary:
		left := at > 0 && m.word(at-1, a.flags)
		right := at < last && m.word(at, a.flags)
		return (left != right) == (a.kind == wordBoundary)
	}
	return false
}

// word reports whether the character at a place belongs to a word; a combining mark does if its
// base does.
func (m *matcher) word(at int, f flags) bool {
	c := m.text[at]
	if f.unicodeClass && unicodeWord(c) || !f.unicodeClass && (c == '_' || letterOrDigit(c)) {
		return true
	}
	for k := at; k >= 0 && unicode.Is(unicode.Mn, m.text[k]); k-- {
		if k > 0 && letterOrDigit(m.text[k-1]) {
			return true
		}
	}
	return false
}
