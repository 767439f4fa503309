package scalar

import (
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// matcher finds the matches of a regular expression. Package regexp does it, except word
// boundaries in texts that are not ASCII: it knows ASCII's only, so that its program is run here
// then.
type matcher struct {
	re       *regexp.Regexp
	program  *syntax.Prog // nil without word boundaries
	captures int
}

func newMatcher(pattern string) (*matcher, error) {
	p, err := ParsePattern(pattern)
	if err != nil {
		return nil, err
	}
	m := &matcher{re: regexp.MustCompile(p.RE2)}
	if !p.Boundaries {
		return m, nil
	}
	tree, err := syntax.Parse(p.RE2, syntax.Perl)
	if err != nil {
		return nil, err
	}
	m.captures = 2 * (tree.MaxCap() + 1)
	m.program, err = syntax.Compile(tree.Simplify())
	return m, err
}

// find returns where the leftmost match and its groups begin and end, as regexp's FindStringSubmatchIndex does.
func (m *matcher) find(text string) []int {
	if m.program == nil || ascii(text) {
		return m.re.FindStringSubmatchIndex(text)
	}
	return m.run(text, 0)
}

// all returns all matches, as regexp's FindAllStringSubmatchIndex does: no empty one right behind another.
func (m *matcher) all(text string) [][]int {
	if m.program == nil || ascii(text) {
		return m.re.FindAllStringSubmatchIndex(text, -1)
	}
	var out [][]int
	last := -1
	for from := 0; from <= len(text); {
		match := m.run(text, from)
		if match == nil {
			break
		}
		if match[1] > from || match[0] != last {
			out = append(out, match)
		}
		last = match[1]
		if match[1] > from {
			from = match[1]
			continue
		}
		_, size := utf8.DecodeRuneInString(text[from:])
		from += max(size, 1)
	}
	return out
}

// groups returns the texts of a match's groups.
func groups(text string, match []int) []string {
	if match == nil {
		return nil
	}
	out := make([]string, len(match)/2)
	for i := range out {
		if match[2*i] >= 0 {
			out[i] = text[match[2*i]:match[2*i+1]]
		}
	}
	return out
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// thread is a way through the program, with what its groups have captured.
type thread struct {
	at       uint32
	captured []int
}

// threads are in the order of their preference, each instruction once.
type threads struct {
	list []thread
	seen []bool
}

func (t *threads) clear() {
	t.list = t.list[:0]
	clear(t.seen)
}

// run follows all ways through the program at once, character by character.
func (m *matcher) run(text string, from int) []int {
	now, next := &threads{seen: make([]bool, len(m.program.Inst))}, &threads{seen: make([]bool, len(m.program.Inst))}
	var found []int
	for at := from; ; {
		if found == nil {
			captured := make([]int, m.captures)
			for i := range captured {
				captured[i] = -1
			}
			captured[0] = at
			m.follow(now, uint32(m.program.Start), text, at, captured)
		}
		r, size := utf8.DecodeRuneInString(text[at:])
	preferred:
		for _, t := range now.list {
			switch i := &m.program.Inst[t.at]; i.Op {
			case syntax.InstMatch:
				found = append([]int{}, t.captured...)
				found[1] = at
				break preferred
			default:
				if size > 0 && i.MatchRune(r) {
					m.follow(next, i.Out, text, at+size, t.captured)
				}
			}
		}
		if size == 0 || found != nil && len(next.list) == 0 {
			return found
		}
		at += size
		now, next = next, now
		next.clear()
	}
}

// follow adds the instructions that an instruction leads to without a character.
func (m *matcher) follow(to *threads, pc uint32, text string, at int, captured []int) {
	if to.seen[pc] {
		return
	}
	to.seen[pc] = true
	switch i := &m.program.Inst[pc]; i.Op {
	case syntax.InstFail:
	case syntax.InstAlt, syntax.InstAltMatch:
		m.follow(to, i.Out, text, at, captured)
		m.follow(to, i.Arg, text, at, captured)
	case syntax.InstNop:
		m.follow(to, i.Out, text, at, captured)
	case syntax.InstCapture:
		captured = append([]int{}, captured...)
		captured[i.Arg] = at
		m.follow(to, i.Out, text, at, captured)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(i.Arg)&^emptyAt(text, at) == 0 {
			m.follow(to, i.Out, text, at, captured)
		}
	default:
		to.list = append(to.list, thread{pc, captured})
	}
}

// emptyAt returns what is true of a place in a text.
func emptyAt(text string, at int) syntax.EmptyOp {
	before, after := rune(-1), rune(-1)
	if at > 0 {
		before, _ = utf8.DecodeLastRuneInString(text[:at])
	}
	if at < len(text) {
		after, _ = utf8.DecodeRuneInString(text[at:])
	}
	op := syntax.EmptyOpContext(before, after) &^ (syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary)
	if isWord(before) != isWord(after) {
		return op | syntax.EmptyWordBoundary
	}
	return op | syntax.EmptyNoWordBoundary
}
