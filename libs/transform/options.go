package transform

import (
	"fmt"
	"regexp"
	"strings"
)

// options are the settings of one transform or predicate. The first that is wrong is kept in err.
type options struct {
	prefix string
	given  map[string]string
	err    error
}

// KeyError is an error in the very words of Kafka Connect, which begin with a capital letter and name the key.
type KeyError string

func (e KeyError) Error() string { return string(e) }

// missing is the error of a key that must be set.
func missing(key string) error {
	return KeyError(fmt.Sprintf("Missing required configuration %q which has no default value.", key))
}

// notFound is the error of a key that names a class which is not there.
func notFound(key, class string) error {
	return KeyError(fmt.Sprintf("Invalid value %.200s for configuration %s: Class %[1]s could not be found.", class, key))
}

func (o *options) fail(name, problem string) {
	if o.err == nil {
		o.err = fmt.Errorf("setting %s%s=%q: %s", o.prefix, name, o.given[o.prefix+name], problem)
	}
}

func (o *options) has(name string) bool { _, ok := o.given[o.prefix+name]; return ok }

func (o *options) text(name, def string) string {
	if v, ok := o.given[o.prefix+name]; ok {
		return v
	}
	return def
}

// required is text that must be given.
func (o *options) required(name string) string {
	v := o.text(name, "")
	if v == "" && o.err == nil {
		o.err = missing(o.prefix + name)
	}
	return v
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
func (o *options) regex(name, def string) *regexp.Regexp {
	expr := o.text(name, def)
	if expr == "" {
		o.fail(name, "it is required")
	}
	re, err := regexp.Compile("^(?:" + javaGroups.ReplaceAllString(expr, "(?P<$1>") + ")$")
	if err != nil {
		o.fail(name, err.Error())
		return regexp.MustCompile("^$")
	}
	return re
}

var (
	javaGroups    = regexp.MustCompile(`\(\?<([A-Za-z][A-Za-z0-9]*)>`)
	javaReference = regexp.MustCompile(`\\(.)|\$(\d)|\$\{([A-Za-z][A-Za-z0-9]*)\}|(\$)`)
)

// replacement turns Java's replacement text ($1, ${name}, \$) into Go's.
func replacement(text string) string {
	return javaReference.ReplaceAllStringFunc(text, func(m string) string {
		switch {
		case m == "$" || m == `\$`:
			return "$$"
		case m[0] == '\\':
			return m[1:]
		case m[1] == '{':
			return m
		}
		return "${" + m[1:] + "}"
	})
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
