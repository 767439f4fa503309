package scalar

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// maxPatterns bounds the cache of compiled patterns; a query rarely has more than a few.
const maxPatterns = 256

// patternCache holds compiled patterns: rows of a query repeat the same one. Safe for concurrent use.
type patternCache struct {
	mu       sync.Mutex
	compiled map[string]*matcher
}

// compile returns a compiled pattern.
func (c *patternCache) compile(pattern string) (*matcher, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok := c.compiled[pattern]; ok {
		return m, nil
	}
	m, err := newMatcher(pattern)
	if err != nil {
		return nil, fmt.Errorf("the regular expression %q is invalid: %w", pattern, err)
	}
	if len(c.compiled) >= maxPatterns {
		clear(c.compiled)
	}
	c.compiled[pattern] = m
	return m, nil
}

// regexes are the functions that take regular expressions, in RE2 syntax as Kusto's are.
func regexes() []Function {
	c := &patternCache{compiled: map[string]*matcher{}}
	return append([]Function{
		define("matches(string, string) bool", func(a []any) any {
			m, err := c.compile(a[1].(string))
			if err != nil {
				return err
			}
			if m.program == nil {
				return m.re.MatchString(a[0].(string))
			}
			return m.find(a[0].(string)) != nil
		}),
		define("extract(string, long, text) string", c.extract),
		define("extract_all(string, text) dynamic", func(a []any) any {
			return c.extractAll(a[0].(string), nil, a[1].(string))
		}),
		define("extract_all(string, dynamic, text) dynamic", func(a []any) any {
			if len(a) == 2 {
				return c.extractAll(a[0].(string), nil, value.DynamicText(a[1]))
			}
			return c.extractAll(a[0].(string), list(a[1]), a[2].(string))
		}),
		define("replace_regex(text, string, text) string", c.replaceRegex),
		define("regex_quote(text) string", func(a []any) any { return regexp.QuoteMeta(a[0].(string)) }),
		define("indexof_regex(text, string, long?, long?, long?) long", c.indexOfRegex),
		define("trim(string, text) string", func(a []any) any { return c.trim(a, true, true) }),
		define("trim_start(string, text) string", func(a []any) any { return c.trim(a, true, false) }),
		define("trim_end(string, text) string", func(a []any) any { return c.trim(a, false, true) }),
		define("countof(text, text, string?) long", c.countOf),
		define("captures(string, string) dynamic", c.captures),
	}, keyValues(c)...)
}

func (c *patternCache) extract(a []any) any {
	m, err := c.compile(a[0].(string))
	if err != nil {
		return err
	}
	text, group := a[2].(string), a[1].(int64)
	found := groups(text, m.find(text))
	if group < 0 || group >= int64(len(found)) {
		return ""
	}
	return found[group]
}

// extractAll returns the matches: texts if there is one group, else arrays of the groups asked for by number or name.
func (c *patternCache) extractAll(pattern string, which []any, text string) any {
	re, err := c.compile(pattern)
	if err != nil {
		return err
	}
	var wanted []int
	for _, g := range which {
		switch g := g.(type) {
		case int64:
			wanted = append(wanted, int(g))
		case string:
			wanted = append(wanted, re.re.SubexpIndex(g))
		}
	}
	if which == nil {
		for i := 1; i <= re.re.NumSubexp(); i++ {
			wanted = append(wanted, i)
		}
		if len(wanted) == 0 {
			wanted = []int{0}
		}
	}
	out := []any{}
	for _, match := range re.all(text) {
		m, row := groups(text, match), []any{}
		for _, i := range wanted {
			if i >= 0 && i < len(m) {
				row = append(row, m[i])
			}
		}
		if len(row) == 1 {
			out = append(out, row[0])
		} else {
			out = append(out, row)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// replaceRegex replaces matches; \1 in the rewrite is a group.
func (c *patternCache) replaceRegex(a []any) any {
	re, err := c.compile(a[1].(string))
	if err != nil {
		return err
	}
	rewrite := a[2].(string)
	var template strings.Builder
	for i := 0; i < len(rewrite); i++ {
		switch c := rewrite[i]; {
		case c == '\\' && i+1 < len(rewrite) && rewrite[i+1] >= '0' && rewrite[i+1] <= '9':
			template.WriteString("${" + rewrite[i+1:i+2] + "}")
			i++
		case c == '\\' && i+1 < len(rewrite) && rewrite[i+1] == '\\':
			template.WriteByte('\\')
			i++
		case c == '$':
			template.WriteString("$$")
		default:
			template.WriteByte(c)
		}
	}
	text, to := a[0].(string), template.String()
	var out []byte
	end := 0
	for _, match := range re.all(text) {
		out = append(out, text[end:match[0]]...)
		out = re.re.ExpandString(out, to, text, match)
		if err := tooLong(len(out)); err != nil {
			return err
		}
		end = match[1]
	}
	return string(append(out, text[end:]...))
}

func (c *patternCache) indexOfRegex(a []any) any {
	text := []rune(a[0].(string))
	if len(a) > 2 && a[2].(int64) < 0 {
		return nil
	}
	start, end, occurrence, ok := searchRange(a, 2, int64(len(text)))
	re, err := c.compile(a[1].(string))
	if err != nil {
		return err
	}
	if !ok || occurrence < 1 {
		return int64(-1)
	}
	part := string(text[start:end])
	for _, m := range re.all(part) {
		if occurrence--; occurrence == 0 {
			return start + int64(len([]rune(part[:m[0]])))
		}
	}
	return int64(-1)
}

// trim takes one match off each end: a pattern that is to match often says so itself.
func (c *patternCache) trim(a []any, start, end bool) any {
	text := a[1].(string)
	if start {
		re, err := c.compile("^(?:" + a[0].(string) + ")")
		if err != nil {
			return err
		}
		if m := re.find(text); m != nil {
			text = text[m[1]:]
		}
	}
	if end {
		re, err := c.compile("(?:" + a[0].(string) + ")$")
		if err != nil {
			return err
		}
		if m := re.find(text); m != nil {
			text = text[:m[0]]
		}
	}
	return text
}

// captures returns the groups named kql… of a match, for the parse operator; nil if there is no match.
func (c *patternCache) captures(a []any) any {
	re, err := c.compile(a[0].(string))
	if err != nil {
		return err
	}
	m := groups(a[1].(string), re.find(a[1].(string)))
	if m == nil {
		return nil
	}
	out := []any{}
	for i, name := range re.re.SubexpNames() {
		if strings.HasPrefix(name, "kql") {
			out = append(out, m[i])
		}
	}
	return out
}

// countOf counts occurrences: overlapping for text, not overlapping for regular expressions.
func (c *patternCache) countOf(a []any) any {
	text, needle := a[0].(string), a[1].(string)
	if len(a) > 2 && a[2].(string) == "regex" {
		re, err := c.compile(needle)
		if err != nil {
			return err
		}
		return int64(len(re.all(text)))
	}
	if needle == "" {
		return int64(0)
	}
	n := int64(0)
	for i := 0; i+len(needle) <= len(text); i++ {
		if text[i:i+len(needle)] == needle {
			n++
		}
	}
	return n
}
