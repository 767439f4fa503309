package command

import (
	"context"
	"strings"
	"time"
)

// Executor runs commands. It is safe for concurrent use.
type Executor struct {
	config  Config
	grammar grammar
}

// New returns an Executor.
func New(config Config) *Executor { return &Executor{config: config, grammar: newGrammar()} }

// parsed is a definition whose pattern is compiled.
type parsed struct {
	definition definition
	parts      []part
}

// grammar is all commands.
type grammar []parsed

func newGrammar() grammar {
	var all grammar
	for _, group := range [][]definition{
		databaseCommands(), tableCommands(), mappingCommands(), policyCommands(), ingestCommands(), extentCommands(),
		functionCommands(), viewCommands(), clusterCommands(), refusedCommands(),
	} {
		for _, d := range group {
			all = append(all, parsed{definition: d, parts: compilePattern(d.pattern)})
		}
	}
	return all
}

// Usage is how a command is written and what it does; see the package comment for the notation.
type Usage struct {
	Pattern, About string
}

// Reference lists all commands.
func Reference() []Usage {
	var all []Usage
	for _, d := range newGrammar() {
		all = append(all, Usage{d.definition.pattern, d.definition.about})
	}
	return all
}

// Run runs one command.
func (x *Executor) Run(ctx context.Context, request Request) (*Result, error) {
	started := time.Now()
	name, result, err := x.run(ctx, request)
	x.config.Journal.record(newEntry(request, name, started, err))
	return result, err
}

func (x *Executor) run(ctx context.Context, request Request) (string, *Result, error) {
	d, args, pipe, err := x.grammar.parse(request.Statement)
	if err != nil {
		return "", nil, err
	}
	name := commandType(d.pattern)
	if err := x.config.Roles.Check(rightFor(d.pattern)); err != nil {
		return name, nil, err
	}
	if err := x.config.Emulator.Check(d.pattern); err != nil {
		return name, nil, err
	}
	result, err := d.run(&call{Args: args, Request: request, ctx: ctx, env: &x.config, nested: x.run})
	if err != nil || pipe == "" {
		return name, result, err
	}
	result, err = x.pipe(ctx, request, result, pipe)
	return name, result, err
}

// parse finds the command that the text is. What follows a `.show` command behind a bar is a query over its result.
func (g grammar) parse(text string) (d definition, args Args, pipe string, err error) {
	failed := match{text: text, reached: -1}
	words := -1
	for _, candidate := range g {
		m := match{text: text, args: newArgs(), reached: -1}
		if end, ok := m.sequence(candidate.parts, 0); ok {
			rest := next(text, end)
			bar := rest.text == "|" && strings.HasPrefix(candidate.definition.pattern, ".show")
			if bar || rest.kind == endToken || rest.text == ";" && next(text, rest.end).kind == endToken {
				if m.words > words {
					words, d, args, pipe = m.words, candidate.definition, m.args, ""
					if bar {
						pipe = text[rest.end:]
					}
				}
				continue
			}
			m.fail(end, "the end of the command")
		}
		if m.reached > failed.reached {
			failed.reached, failed.expected = m.reached, nil
		}
		if m.reached == failed.reached {
			for _, e := range m.expected {
				failed.fail(m.reached, e)
			}
		}
	}
	if words < 0 {
		return d, args, "", syntaxError(text, max(failed.reached, 0), failed.expected)
	}
	return d, args, pipe, nil
}

// commandType is the command's name in the journal: ".create table <table> …" is "TableCreate" in ADX; here its first
// words.
func commandType(pattern string) string {
	var words []string
	for _, w := range strings.Fields(pattern) {
		if strings.ContainsAny(w, "<{[]") {
			break
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// Check reports whether a command can be parsed, without running it; the error is a *kql.Error.
func (x *Executor) Check(text string) error {
	_, _, _, err := x.grammar.parse(text)
	return err
}
