package syntax

func (p *parser) scan(start int) Operator {
	op := ScanOp{MatchID: p.properties("with_match_id")["with_match_id"]}
	if p.acceptName("declare") {
		op.Declare = p.parameters()
	}
	p.expectName("with")
	p.expectPunct("(")
	for p.isName("step") {
		op.Steps = append(op.Steps, p.scanStep())
		p.acceptPunct(";")
	}
	p.expectPunct(")")
	op.Span = p.from(start)
	return op
}

func (p *parser) scanStep() scanStep {
	start := p.tok.Start
	p.advance()
	s := scanStep{Name: p.identifier("a step name"), Output: "all"}
	s.Optional = p.acceptName("optional")
	if v, ok := p.properties("output")["output"]; ok {
		s.Output = v
	}
	p.expectPunct(":")
	s.When = p.expr()
	if p.acceptPunct("=>") {
		s.Set = p.namedExprs()
	}
	s.Span = p.from(start)
	return s
}

func (p *parser) topNested(start int) Operator {
	op := TopNestedOp{}
	for {
		level := TopNestedLevel{}
		if !p.isName("of") {
			level.Count = p.expr()
		}
		p.expectName("of")
		level.Of = p.namedExpr()
		if p.acceptName("with") {
			p.expectName("others")
			p.expectPunct("=")
			level.Others = p.expr()
		}
		p.expectName("by")
		level.By = p.namedExpr()
		if p.acceptName("asc") {
			level.Asc = true
		} else {
			p.acceptName("desc")
		}
		op.Levels = append(op.Levels, level)
		if !p.acceptPunct(",") {
			break
		}
		p.acceptName("top-nested")
		if p.isName("top") {
			p.dashed()
		}
	}
	op.Span = p.from(start)
	return op
}

func (p *parser) topHitters(start int) Operator {
	op := TopHittersOp{Count: p.expr()}
	p.expectName("of")
	op.Of = p.expr()
	if p.acceptName("by") {
		op.By = p.expr()
	}
	op.Span = p.from(start)
	return op
}
