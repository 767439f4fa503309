package javaregex

import "fmt"

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
	opSub // what stands at first, for itself, then second
	opAccept
)

// instruction is a step of a program; the next one follows unless it says otherwise.
type instruction struct {
	op            operation
	has           predicate
	first, second int
	number        int
	assertion     assertion
	reference     reference
	look          *look // of opSub; nil for an independent group
}

type compiler struct {
	pattern *Pattern
	err     error
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
	return len(p.code) - 1
}

func (c *compiler) here() int { return len(c.pattern.code) }

func (c *compiler) emitWhole(root node) {
	c.emitNode(root)
	c.emit(instruction{op: opAccept})
}

func (c *compiler) emitNode(n node) {
	if c.err != nil {
		return
	}
	switch n := n.(type) {
	case set:
		c.emit(instruction{op: opSet, has: n.has})
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
	case repetition:
		c.emitRepetition(n)
	case independent:
		c.emitSub(n.body, nil)
	case look:
		c.emitSub(n.body, &n)
	case reference:
		c.emit(instruction{op: opRefer, reference: n})
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
	for i, part := range all {
		if i == len(all)-1 {
			c.emitNode(part)
			break
		}
		split := c.emit(instruction{op: opSplit})
		if c.err != nil {
			return
		}
		c.pattern.code[split].first = c.here()
		c.emitNode(part)
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

// emitSub emits a part that is matched for itself.
func (c *compiler) emitSub(body node, l *look) {
	sub := c.emit(instruction{op: opSub, look: l, number: c.pattern.subs})
	c.pattern.subs++
	if c.err != nil {
		return
	}
	c.pattern.code[sub].first = c.here()
	c.emitWhole(body)
	c.pattern.code[sub].second = c.here()
}

func (c *compiler) emitRepetition(r repetition) {
	if r.greed == possessive { // each time for itself, and so is the whole
		r.greed, r.body = greedy, independent{r.body}
		c.emitSub(r, nil)
		return
	}
	if _, most := lengths(r.body); most == 0 { // an assertion, or nothing: once is as often
		r.min, r.max = min(r.min, 1), min(max(r.max, -r.max), 1)
	}
	var exits []int // instructions that go on after the repetition
	times := r.max
	if times == unbounded {
		times = r.min + 1
	}
	for n := range times {
		split := c.here()
		if n >= r.min {
			exits = append(exits, c.emit(instruction{op: opSplit, first: split + 1}))
		}
		exits = append(exits, c.emitOnce(r.body))
		if c.err != nil {
			return
		}
		if r.max == unbounded && n == r.min {
			c.pattern.code[c.here()-1].first = split
		}
	}
	for _, at := range exits {
		i := &c.pattern.code[at]
		if i.second = c.here(); i.op == opSplit && r.greed == lazy {
			i.first, i.second = i.second, i.first
		}
	}
}

// emitOnce emits one time of a repetition, at whose end stands an opLoop: one in which nothing was matched is the last, also where
// there have not been enough.
func (c *compiler) emitOnce(body node) (loop int) {
	mark := c.mark()
	c.emit(instruction{op: opMark, number: mark})
	c.emitNode(body)
	return c.emit(instruction{op: opLoop, number: mark, first: c.here() + 1})
}
