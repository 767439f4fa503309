package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Usage writes what --help shows: what the program does, every setting with its flag, variables, default and meaning,
// and examples.
func (p Program) Usage(into any) {
	p = p.withDefaults()
	settings, _, err := declared(reflect.ValueOf(into))
	if err != nil {
		panic(err)
	}
	p.rename(settings)
	out := p.Output
	fmt.Fprintf(out, "Usage: %s [--setting=value …]\n\n%s\n\n", p.Name, wrap(p.About, ""))
	fmt.Fprintf(out, "%s\n",
		wrap("Settings come from flags, else from environment variables, else from the defaults shown. "+
			"Any variable may instead be named with _FILE at its end and hold the path of a file with the value.", ""))
	for _, s := range settings {
		flag := "--" + s.name
		if s.secret {
			flag += "-file=path"
		} else if s.value.Kind() != reflect.Bool {
			flag += "=" + placeholder(s)
		}
		fmt.Fprintf(out, "\n  %s   (%s)\n%s\n", flag, strings.Join(s.variables, ", "), wrap(s.help, "      "))
		if s.hasInit && s.initial != "" {
			fmt.Fprintf(out, "      Default: %s\n", s.initial)
		}
	}
	if p.Version != "" {
		fmt.Fprintf(out, "\n  --version\n%s\n", wrap("Print version, commit and Go's version.", "      "))
	}
	if len(p.Examples) > 0 {
		fmt.Fprintf(out, "\nExamples:\n")
		for _, example := range p.Examples {
			fmt.Fprintf(out, "  %s\n", example)
		}
	}
}

func placeholder(s setting) string {
	switch {
	case s.value.Type() == reflect.TypeFor[[]string]():
		return "a,b,…"
	case s.value.Type().String() == "time.Duration":
		return "duration"
	case s.value.Type() == reflect.TypeFor[Size]():
		return "size"
	case s.value.CanInt(), s.value.CanFloat():
		return "number"
	}
	return "text"
}

// wrap breaks text into lines of at most 100 columns.
func wrap(text, indent string) string {
	const columns = 100
	var lines []string
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line) > len(indent) && len(line)+1+len(word) > columns {
			lines = append(lines, line)
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}
