package syntax

func parseScan(p *parser, start int) Operator {
	op := ScanOp{MatchID: parseProperties(p, "with_match_id")["with_match_id"]}
	if p.acceptName("declare") {
		op.Declare = parseParameters(p)
	}
	p.expectName("with")
	p.expectPunct("(")
	for p.isName("step") {
		op.Steps = append(op.Steps, parseScanStep(p))
		p.acceptPunct(";")
	}
	p.expectPunct(")")
	op.Span = p.from(start)
	return op
}

func parseScanStep(p *parser) scanStep {
	start := p.tok.Start
	p.advance()
	s := scanStep{Name: p.identifier("a step name"), Output: "all"}
	s.Optional = p.acceptName("optional")
	if v, ok := parseProperties(p, "output")["output"]; ok {
		s.Output = v
	}
	p.expectPunct(":")
	s.When = parseExpr(p)
	if p.acceptPunct("=>") {
		s.Set = parseNamedExprs(p)
	}
	s.Span = p.from(start)
	return s
}

func parseTopNested(p *parser, start int) Operator {
	op := TopNestedOp{}
	for {
		level := TopNestedLevel{}
		if !p.isName("of") {
			level.Count = parseExpr(p)
		}
		p.expectName("of")
		level.Of = parseNamedExpr(p)
		if p.acceptName("with") {
			p.expectName("others")
			p.expectPunct("=")
			level.Others = parseExpr(p)
		}
		p.expectName("by")
		level.By = parseNamedExpr(p)
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

func parseTopHitters(p *parser, start int) Operator {
	op := TopHittersOp{Count: parseExpr(p)}
	p.expectName("of")
	op.Of = parseExpr(p)
	if p.acceptName("by") {
		op.By = parseExpr(p)
	}
	op.Span = p.from(start)
	return op
}
