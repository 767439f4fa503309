package javaregex

import (
	"fmt"
	"slices"
)

type operation int

const (
	opSet   operation = iota // a character of has
	opSplit                  // first, and if that fails second
	opJump                   // first
	opSave                   // the place into slot number
	opMark                   // the place into mark number
	opLoop                   // first, or second if nothing was matched since mark number: the repetition ends
	opAssert
	opRefer
	opSub // the part at first, separately, then second
	opAccept
)

// instruction is a step of a program; the next one follows unless it says otherwise.
type instruction struct {
	op            operation
	has           predicate
	first, second int
	number        int // of opSplit: its index among its part's states
	assertion     assertion
	reference     reference
	look          *look // of opSub; nil for an independent group
	states        int   // of opSub
	groups        []int // of opSub: those within it
	longest       int   // of opSub: how many characters it can span
}

type compiler struct {
	pattern *Pattern
	err     error
	// For each instruction: its cost, and the part to whose cost that adds.
	weights, owners []int
	// For the part that is being emitted: its index, the number of its states, its groups, and the
	// places where the next node can begin.
	part    int
	states  int
	groups  []int
	current places
}

func (c *compiler) emit(i instruction) int {
	p := c.pattern
	if len(p.code) >= maxProgram && c.err == nil {
		c.err = fmt.Errorf("the pattern's counted repetitions add up to more than %d steps: lower the counts", maxProgram)
	}
	if c.err != nil {
		return 0
	}
	p.code = append(p.code, i)
	c.weights, c.owners = append(c.weights, 1), append(c.owners, c.part)
	return len(p.code) - 1
}

// emitSplit emits a split, which a match reaches at most once at each place.
func (c *compiler) emitSplit(first int) int {
	c.states++
	return c.emit(instruction{op: opSplit, number: c.states - 1, first: first})
}

func (c *compiler) here() int { return len(c.pattern.code) }

func (c *compiler) emitWhole(root node) {
	c.pattern.costs = []cost{{longest: unbounded, width: 1}}
	c.emitNode(root)
	c.emit(instruction{op: opAccept})
	c.pattern.states = c.states
	if c.err == nil {
		c.addWork()
	}
}

// addWork adds the steps at each place to the costs of the parts: those from its beginning, and
// from each side of its splits, to the next split or the end.
func (c *compiler) addWork() {
	p := c.pattern
	steps := make([]int, len(p.code)+1) // from an instruction to the next split or the end
	for at := len(p.code) - 1; at >= 0; at-- {
		i := &p.code[at]
		steps[at] = c.weights[at]
		switch i.op {
		case opSplit:
			p.costs[c.owners[at]].work += steps[i.first] + steps[i.second] + 1
		case opLoop:
			steps[at] += max(steps[i.first], steps[i.second])
		case opJump:
			steps[at] += steps[i.first]
		case opSub:
			steps[at] += steps[i.second]
			p.costs[i.number+1].work += steps[i.first] + 2*len(i.groups)
		case opAccept:
		default:
			steps[at] += steps[at+1]
		}
	}
	p.costs[0].work += steps[0]
}

func (c *compiler) emitNode(n node) {
	if c.err != nil {
		return
	}
	switch n := n.(type) {
	case set:
		if at := c.emit(instruction{op: opSet, has: n.has}); c.err == nil {
			c.weights[at] += n.size
		}
		c.current = c.current.after(1, 1)
	case sequence:
		for _, part := range n {
			c.emitNode(part)
		}
	case alternation:
		c.emitAlternation(n)
	case group:
		if n.number == 0 {
			c.emitNode(n.body)
			return
		}
		c.emit(instruction{op: opMark, number: c.mark()})
		mark := c.pattern.marks - 1
		c.emitNode(n.body)
		c.emit(instruction{op: opSave, number: n.number, first: mark})
		c.groups = append(c.groups, n.number)
	case repetition:
		c.emitRepetition(n)
	case independent:
		c.emitSub(n.body, nil)
	case look:
		c.emitSub(n.body, &n)
	case reference:
		c.emit(instruction{op: opRefer, reference: n})
		c.current = c.current.after(0, unbounded)
	case assertion:
		c.emit(instruction{op: opAssert, assertion: n})
	}
}

func (c *compiler) mark() int {
	c.pattern.marks++
	return c.pattern.marks - 1
}

func (c *compiler) emitAlternation(all alternation) {
	var jumps []int
	begin := c.current
	var ends places
	for i, part := range all {
		c.current = begin
		if i == len(all)-1 {
			c.emitNode(part)
			c.current = ends.or(c.current, i)
			break
		}
		split := c.emitSplit(0)
		if c.err != nil {
			return
		}
		c.pattern.code[split].first = c.here()
		c.emitNode(part)
		ends = ends.or(c.current, i)
		jumps = append(jumps, c.emit(instruction{op: opJump}))
		if c.err != nil {
			return
		}
		c.pattern.code[split].second = c.here()
	}
	for _, jump := range jumps {
		c.pattern.code[jump].first = c.here()
	}
}

// emitSub emits a part that is matched separately.
func (c *compiler) emitSub(body node, l *look) {
	sub := c.emit(instruction{op: opSub, look: l, number: c.pattern.subs})
	c.pattern.subs++
	if c.err != nil {
		return
	}
	least, most := lengths(body)
	part := cost{at: c.current, longest: most, width: 1}
	after := c.current
	switch {
	case l == nil:
		after = after.after(least, most)
	case l.behind:
		part.at = c.current.before(l.min, l.max)
		part.width = unbounded
		if l.max != unbounded {
			part.width = l.max - l.min + 1
		}
	}
	c.pattern.costs = append(c.pattern.costs, part)
	outer := *c
	c.part, c.states, c.groups, c.current = c.pattern.subs, 0, nil, part.at
	c.pattern.code[sub].first = c.here()
	c.emitNode(body)
	c.emit(instruction{op: opAccept})
	if c.err != nil {
		return
	}
	slices.Sort(c.groups)
	i := &c.pattern.code[sub]
	i.second, i.states, i.groups, i.longest = c.here(), c.states, slices.Compact(c.groups), most
	c.part, c.states, c.groups, c.current = outer.part, outer.states, append(outer.groups, i.groups...), after
}

func (c *compiler) emitRepetition(r repetition) {
	if r.greed == possessive { // each iteration separately, and the whole too
		r.greed, r.body = greedy, independent{r.body}
		c.emitSub(r, nil)
		return
	}
	if _, most := lengths(r.body); most == 0 { // an assertion, or nothing: once is enough
		r.min, r.max = min(r.min, 1), min(max(r.max, -r.max), 1)
	}
	var exits []int // instructions that continue after the repetition
	times := r.max
	if times == unbounded {
		times = r.min + 1
	}
	var ends places
	for n := range times {
		ends = ends.or(c.current, n)
		split := c.here()
		if n >= r.min {
			exits = append(exits, c.emitSplit(split+1))
		}
		if r.max == unbounded && n == r.min {
			c.current.last = unbounded
		}
		exits = append(exits, c.emitOnce(r.body))
		if c.err != nil {
			return
		}
		if r.max == unbounded && n == r.min {
			c.pattern.code[c.here()-1].first = split
		}
	}
	c.current = ends.or(c.current, times)
	for _, at := range exits {
		i := &c.pattern.code[at]
		if i.second = c.here(); i.op == opSplit && r.greed == lazy {
			i.first, i.second = i.second, i.first
		}
	}
}

// emitOnce emits one iteration of a repetition, with an opLoop at its end: an iteration that
// matches nothing is the last, even if there have not been enough.
func (c *compiler) emitOnce(body node) (loop int) {
	mark := c.mark()
	c.emit(instruction{op: opMark, number: mark})
	c.emitNode(body)
	return c.emit(instruction{op: opLoop, number: mark, first: c.here() + 1})
}
