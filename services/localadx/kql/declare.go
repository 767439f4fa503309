package kql

import (
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// noQuery is the error for statements without a result.
const noQuery = "The query has no expression that yields a result"

// bindBody binds statements whose last is the query, in a new scope.
func bindBody(b *binder, statements []syntax.Statement, s *scope) *relation {
	x, s := bindDeclarations(b, statements, s)
	return b.table(x, s)
}

// bindDeclarations adds the let and declare statements to a scope and returns the query's expression.
func bindDeclarations(b *binder, statements []syntax.Statement, s *scope) (syntax.Node, *scope) {
	var query syntax.Node
	for _, st := range statements {
		q, ok := st.(syntax.QueryStatement)
		if !ok {
			s = bindDeclare(b, st, s)
			continue
		}
		if query != nil {
			b.failHint(st, syntax.CodeUnsupported, "keep the last", "A function has one query")
		}
		query = q.X
	}
	if query == nil {
		b.fail(nil, syntax.CodeSyntax, noQuery)
	}
	return query, s
}

// bindDeclare adds what a statement names to a scope.
func bindDeclare(b *binder, st syntax.Statement, s *scope) *scope {
	switch st := st.(type) {
	case syntax.LetStatement:
		return s.let(st)
	case syntax.SetStatement:
		if st.Value != nil {
			b.options[st.Name] = bindScalar(b, st.Value, env{scope: s})
		}
	case syntax.DeclareStatement:
		return bindQueryParameters(b, st, s)
	case syntax.PatternStatement:
		return s.add(st.Name, &binding{cases: &st, scope: s})
	}
	return s
}

// bindQueryParameters binds declare query_parameters to the values the request brought.
func bindQueryParameters(b *binder, st syntax.DeclareStatement, s *scope) *scope {
	for _, p := range st.Params {
		text, given := b.opts.Parameters[p.Name]
		var x syntax.Node
		switch {
		case given:
			x = parameterValue(p.Type, text)
		case p.Default != nil:
			x = p.Default
		default:
			b.fail(st, syntax.CodeSemantic, "Query parameter '%s' has no value and no default", p.Name)
		}
		lit, isLiteral := x.(syntax.LiteralNode)
		e := bindCoerce(b, bindScalar(b, x, env{}), p.Type)
		unreadable := e.isConst && e.konst == nil && !strings.Contains(text, "null") ||
			isLiteral && lit.Type == value.String && (p.Type.Numeric() || p.Type == value.Bool)
		if given && unreadable {
			b.fail(st, syntax.CodeSemantic, "The value of query parameter '%s' is not a %s", p.Name, p.Type)
		}
		s = s.add(p.Name, &binding{value: e})
	}
	return s
}

// parameterValue reads the value of a query parameter. Clients send KQL literals, such as "x" in
// quotes or datetime(2020-01-01), or the bare text of a string, time or GUID, which must not be
// read as an expression: 2020-01-01 is no subtraction.
func parameterValue(t Type, text string) syntax.Node {
	bare := syntax.LiteralNode{Type: value.String, Value: text}
	trimmed := strings.TrimSpace(text)
	quoted := trimmed != "" && strings.ContainsRune("\"'@", rune(trimmed[0]))
	call := strings.HasSuffix(trimmed, ")") && strings.Contains(trimmed, "(")
	switch t {
	case value.String:
		if !quoted {
			return bare
		}
	case value.Datetime, value.Timespan, value.GUID:
		if !quoted && !call {
			return bare
		}
	case value.Dynamic:
		if !quoted && !call {
			if v, err := value.DecodeDynamic(text); err == nil {
				return syntax.LiteralNode{Type: value.Dynamic, Value: value.EncodeDynamic(v)}
			}
			return bare
		}
	}
	x, err := syntax.ParseExpression(text)
	if err != nil {
		return bare
	}
	return x
}
