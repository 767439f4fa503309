// Package route decides which table a topic's rows go to. It reads kusto.tables.topics.mapping of
// Azure's Kafka Connect sink, a JSON array in which single quotes may stand for double ones, and
// adds patterns:
//
//	[{'topic': 'myserver.retail.orders_info', 'db': 'shop', 'table': 'Orders', 'format': 'json', 'mapping': 'OrdersMapping', 'streaming': false}]
//	[{'topic': 'myserver\.(\w+)\.(\w+)', 'regex': true, 'db': '$1', 'table': '$2', 'format': 'json'}]
//	[{'topic': '*', 'db': 'shop', 'table': 'Rest', 'format': 'json'}]
//
// The exact topic wins over a pattern, patterns are tried in their order, and "*" takes what is left.
package route

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/kusto"
)

// Route is where a topic's rows go and as what.
type Route struct {
	Topic    string
	Database string
	Table    string
	// Format is the format's name as configured: json, multijson, csv, …
	Format string
	// Mapping names an ingestion mapping; empty maps by name.
	Mapping string
	// Streaming asks for streaming ingestion with queued ingestion as its fallback.
	Streaming bool
}

// Routes finds a topic's route. It does not change and may be shared.
type Routes struct {
	exact    map[string]Route
	patterns []pattern
	rest     *Route
	all      []Route
}

type pattern struct {
	expr  *javaregex.Pattern
	route Route
	// database, table and mapping are the route's, with groups of the pattern.
	database, table, mapping *javaregex.Replacement
}

type entry struct {
	Topic     string `json:"topic"`
	Regex     flag   `json:"regex"`
	DB        string `json:"db"`
	Database  string `json:"database"`
	Table     string `json:"table"`
	Format    string `json:"format"`
	Mapping   string `json:"mapping"`
	Streaming flag   `json:"streaming"`
}

// flag is a boolean that may be written as a string, as users of the Java connector do.
type flag bool

func (f *flag) UnmarshalJSON(b []byte) error {
	switch strings.ToLower(strings.Trim(string(b), `"`)) {
	case "true":
		*f = true
	case "false", "", "null":
		*f = false
	default:
		return fmt.Errorf("%s is neither true nor false", b)
	}
	return nil
}

// Parse reads the mapping.
func Parse(text string) (*Routes, error) {
	strict, err := strictJSON(text)
	if err != nil {
		return nil, err
	}
	var entries []entry
	if bytes.HasPrefix(strict, []byte("{")) { // one object without the brackets
		strict = append(append([]byte{'['}, strict...), ']')
	}
	d := json.NewDecoder(bytes.NewReader(strict))
	d.DisallowUnknownFields()
	if err := d.Decode(&entries); err != nil {
		return nil, fmt.Errorf("it is no JSON array of {topic, db, table, format, mapping, streaming}: %w", err)
	}
	if d.More() {
		return nil, fmt.Errorf("something follows the JSON array")
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("it maps no topic")
	}
	r := &Routes{exact: map[string]Route{}}
	for i, e := range entries {
		if err := r.add(e); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
	}
	return r, nil
}

func (r *Routes) add(e entry) error {
	if e.DB == "" {
		e.DB = e.Database
	}
	for _, f := range []struct{ name, value string }{{"topic", e.Topic}, {"db", e.DB}, {"table", e.Table}} {
		if strings.TrimSpace(f.value) == "" {
			return fmt.Errorf("%s is missing", f.name)
		}
		if strings.ContainsAny(f.value, "\x00\n\r") {
			return fmt.Errorf("%s holds a control character", f.name)
		}
	}
	if e.Format == "" {
		e.Format = "json"
	}
	if !slices.Contains(kusto.Formats(), strings.ToLower(e.Format)) {
		return fmt.Errorf("format %q is unknown: take one of %s", e.Format, strings.Join(kusto.Formats(), ", "))
	}
	route := Route{Topic: e.Topic, Database: e.DB, Table: e.Table, Format: strings.ToLower(e.Format), Mapping: e.Mapping,
		Streaming: bool(e.Streaming)}
	switch {
	case bool(e.Regex):
		expr, err := javaregex.Compile(e.Topic)
		if err != nil {
			return fmt.Errorf("topic is no regular expression: %w", err)
		}
		p := pattern{expr: expr, route: route}
		for _, f := range []struct {
			name, text string
			into       **javaregex.Replacement
		}{{"db", route.Database, &p.database}, {"table", route.Table, &p.table}, {"mapping", route.Mapping, &p.mapping}} {
			if *f.into, err = expr.Replacement(unbraced(f.text)); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
		r.patterns = append(r.patterns, p)
	case e.Topic == "*":
		if r.rest != nil {
			return fmt.Errorf("topic * is mapped twice")
		}
		r.rest = &route
	default:
		if _, twice := r.exact[e.Topic]; twice {
			return fmt.Errorf("topic %s is mapped twice", e.Topic)
		}
		r.exact[e.Topic] = route
	}
	r.all = append(r.all, route)
	return nil
}

// braced is a group's number in braces, which Java does not have, with what follows it.
var braced = regexp.MustCompile(`\$\{(\d+)\}(\d?)`)

// unbraced writes ${1} as $1; a digit that follows is kept apart.
func unbraced(text string) string {
	return braced.ReplaceAllStringFunc(text, func(found string) string {
		parts := braced.FindStringSubmatch(found)
		if parts[2] == "" {
			return "$" + parts[1]
		}
		return "$" + parts[1] + `\` + parts[2]
	})
}

// Find returns a topic's route.
func (r *Routes) Find(topic string) (Route, bool) {
	if route, ok := r.exact[topic]; ok {
		return route, true
	}
	for _, p := range r.patterns {
		if database, ok := p.expr.Expand(topic, p.database); ok {
			route := p.route
			route.Topic, route.Database = topic, database
			route.Table, _ = p.expr.Expand(topic, p.table)
			route.Mapping, _ = p.expr.Expand(topic, p.mapping)
			return route, true
		}
	}
	if r.rest != nil {
		route := *r.rest
		route.Topic = topic
		return route, true
	}
	return Route{}, false
}

// All returns every route as configured, in their order.
func (r *Routes) All() []Route { return slices.Clone(r.all) }

// Fixed returns the routes whose table does not depend on the topic's name, in their order.
func (r *Routes) Fixed() []Route {
	return slices.DeleteFunc(slices.Clone(r.all), func(route Route) bool {
		return strings.Contains(route.Database+route.Table+route.Mapping, "$")
	})
}

// strictJSON turns the sink's pseudo-JSON into JSON: strings in single quotes become strings in
// double quotes, as Jackson's ALLOW_SINGLE_QUOTES reads them.
func strictJSON(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, fmt.Errorf("it is empty")
	}
	out := make([]byte, 0, len(text)+8)
	for i := 0; i < len(text); i++ {
		quote := text[i]
		if quote != '\'' && quote != '"' {
			out = append(out, quote)
			continue
		}
		out = append(out, '"')
		i++
		for ; i < len(text) && text[i] != quote; i++ {
			switch c := text[i]; {
			case c == '\\' && i+1 < len(text):
				i++
				switch next := text[i]; {
				case next == '\'':
					out = append(out, '\'')
				case strings.IndexByte(`"\/bfnrtu`, next) >= 0:
					out = append(out, '\\', next)
				default: // a pattern's \. and \w, which JSON would have doubled
					out = append(out, '\\', '\\', next)
				}
			case c == '"':
				out = append(out, '\\', '"')
			default:
				out = append(out, c)
			}
		}
		if i == len(text) {
			return nil, fmt.Errorf("a quoted string does not end")
		}
		out = append(out, '"')
	}
	return out, nil
}
