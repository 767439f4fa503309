package geo

import (
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// wktReader reads well-known text.
type wktReader struct {
	text string
	at   int
}

// fromWKT turns well-known text into GeoJSON.
func fromWKT(a []any) any {
	r := &wktReader{text: a[0].(string)}
	g, ok := r.geometry(0)
	r.space()
	if !ok || r.at != len(r.text) {
		return nil
	}
	return g
}

func (r *wktReader) space() {
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		r.at++
	}
}

func (r *wktReader) accept(c byte) bool {
	r.space()
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *wktReader) word() string {
	r.space()
	start := r.at
	for r.at < len(r.text) && (r.text[r.at] >= 'a' && r.text[r.at] <= 'z' || r.text[r.at] >= 'A' && r.text[r.at] <= 'Z') {
		r.at++
	}
	return strings.ToUpper(r.text[start:r.at])
}

// geometry reads one geometry; collections may nest a little.
func (r *wktReader) geometry(depth int) (any, bool) {
	const maxDepth = 16
	kinds := map[string]struct {
		name  string
		depth int
	}{"POINT": {"Point", 0}, "LINESTRING": {"LineString", 1}, "POLYGON": {"Polygon", 2}, "MULTIPOINT": {"MultiPoint", 1},
		"MULTILINESTRING": {"MultiLineString", 2}, "MULTIPOLYGON": {"MultiPolygon", 3}}
	word := r.word()
	if word == "GEOMETRYCOLLECTION" && depth < maxDepth {
		list := []any{}
		if !r.accept('(') {
			return nil, false
		}
		for {
			g, ok := r.geometry(depth + 1)
			if !ok {
				return nil, false
			}
			list = append(list, g)
			if r.accept(')') {
				return &value.Bag{Keys: []string{"type", "geometries"}, Values: []any{"GeometryCollection", list}}, true
			}
			if !r.accept(',') {
				return nil, false
			}
		}
	}
	kind, ok := kinds[word]
	if !ok {
		return nil, false
	}
	if kind.depth == 0 {
		if !r.accept('(') {
			return nil, false
		}
		p, ok := r.position()
		return geometry(kind.name, p), ok && r.accept(')')
	}
	coords, ok := r.list(kind.depth)
	return geometry(kind.name, coords), ok
}

// list reads parenthesised lists, depth levels of them.
func (r *wktReader) list(depth int) ([]any, bool) {
	if !r.accept('(') {
		return nil, false
	}
	out := []any{}
	for {
		var el any
		var ok bool
		switch {
		case depth > 1:
			el, ok = r.list(depth - 1)
		case r.accept('('): // MULTIPOINT ((1 1), (2 2))
			el, ok = r.position()
			ok = ok && r.accept(')')
		default:
			el, ok = r.position()
		}
		if !ok {
			return nil, false
		}
		out = append(out, el)
		if r.accept(')') {
			return out, true
		}
		if !r.accept(',') {
			return nil, false
		}
	}
}

func (r *wktReader) position() ([]any, bool) {
	out := []any{}
	for range 2 {
		r.space()
		start := r.at
		for r.at < len(r.text) && strings.IndexByte("+-.eE0123456789", r.text[r.at]) >= 0 {
			r.at++
		}
		f, err := strconv.ParseFloat(r.text[start:r.at], 64)
		if err != nil {
			return nil, false
		}
		out = append(out, f)
	}
	return out, true
}
