package transform

import (
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
)

// options are the settings of one transform or predicate. The first that is wrong is kept in err.
type options struct {
	prefix string
	given  map[string]string
	// verbatim leaves texts their white space, as Debezium does; Kafka Connect trims them.
	verbatim bool
	err      error
}

// missing is the error of a key that must be set, as the other errors of keys in the very words of Kafka Connect.
func missing(key string) error {
	return catalogue.Problemf(key, "Missing required configuration %q which has no default value.", key)
}

func (o *options) fail(name, problem string) {
	o.keep(catalogue.Problemf(o.prefix+name, "Invalid value %.200s for configuration %s%s: %s", o.given[o.prefix+name],
		o.prefix, name, problem))
}

// keep keeps the first error.
func (o *options) keep(err error) {
	if o.err == nil {
		o.err = err
	}
}

func (o *options) has(name string) bool { _, ok := o.given[o.prefix+name]; return ok }

func (o *options) text(name, def string) string {
	v, ok := o.given[o.prefix+name]
	switch {
	case !ok:
		return def
	case o.verbatim:
		return v
	}
	return strings.TrimSpace(v)
}

// required is text that must be given; it may be empty.
func (o *options) required(name string) string {
	if !o.has(name) {
		o.keep(missing(o.prefix + name))
	}
	return o.text(name, "")
}

func (o *options) flag(name string, def bool) bool {
	switch strings.ToLower(strings.TrimSpace(o.text(name, ""))) {
	case "true":
		return true
	case "false":
		return false
	case "":
		return def
	}
	o.fail(name, "it must be true or false")
	return def
}

// someOf is a list that must not be empty.
func (o *options) someOf(name string) []string {
	o.required(name)
	items := o.list(name)
	if len(items) == 0 {
		o.fail(name, "Empty list")
	}
	return items
}

func (o *options) list(name string) []string { return splitList(o.text(name, "")) }

// choice reads one of a few words; the first is the default.
func (o *options) choice(name string, allowed ...string) string {
	v := strings.ToLower(strings.TrimSpace(o.text(name, allowed[0])))
	for _, a := range allowed {
		if v == a {
			return v
		}
	}
	o.fail(name, "it must be one of "+strings.Join(allowed, ", "))
	return allowed[0]
}

// regex compiles an expression that must match whole names.
func (o *options) regex(name, def string) *javaregex.Pattern {
	expr := o.text(name, def)
	if expr == "" && !o.has(name) {
		o.keep(missing(o.prefix + name))
	}
	p, err := javaregex.Compile(expr)
	if err != nil {
		o.keep(catalogue.Problemf(o.prefix+name, "Invalid value %.200s for configuration %s: Invalid regex: %v", expr,
			o.prefix+name, err))
	}
	return p
}

// renaming reads an expression and what replaces the first part of a name that it matches.
func (o *options) renaming(regex, def, replacement, text string) *renaming {
	p := o.regex(regex, def)
	if p == nil {
		return nil
	}
	r, err := p.Replacement(text)
	if err != nil {
		o.fail(replacement, err.Error())
	}
	return &renaming{pattern: p, with: r, known: map[string]renamed{}}
}

func splitList(text string) []string {
	var parts []string
	for _, p := range strings.Split(text, ",") {
		if p = strings.TrimSpace(p); p != "" {
			parts = append(parts, p)
		}
	}
	return parts
}
