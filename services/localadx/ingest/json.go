package ingest

import (
	"bytes"
	"database/sql/driver"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// target is a column that takes the value at a node.
type target struct {
	column    int
	typ       kql.Type
	transform Transform
}

// node is a place in a record that the mapping reads from or passes through.
type node struct {
	targets []target
	members []member
	// elements are the wanted elements of an array, in order of their indexes.
	elements []element
}

type member struct {
	key  string
	node *node
}

type element struct {
	index int
	node  *node
}

// add returns the node that the path leads to, making the way there.
func (n *node) add(path Path) *node {
	for _, step := range path.Steps {
		n = n.step(step)
	}
	return n
}

func (n *node) step(step Step) *node {
	if step.IsIndex {
		for _, e := range n.elements {
			if e.index == step.Index {
				return e.node
			}
		}
		n.elements = append(n.elements, element{step.Index, &node{}})
		return n.elements[len(n.elements)-1].node
	}
	if child := n.member(step.Key); child != nil {
		return child
	}
	n.members = append(n.members, member{step.Key, &node{}})
	return n.members[len(n.members)-1].node
}

func (n *node) member(key string) *node {
	for i := range n.members {
		if n.members[i].key == key {
			return n.members[i].node
		}
	}
	return nil
}

// find looks a member up by the bytes of its name. Records of one source mostly have one order of members, so the
// search starts behind the last hit.
func (n *node) find(key []byte, hint *int) *node {
	count := len(n.members)
	at := *hint
	for range count {
		if at >= count {
			at = 0
		}
		if n.members[at].key == string(key) {
			*hint = at + 1
			return n.members[at].node
		}
		at++
	}
	return nil
}

// recordReader fills one row from one JSON record after the other.
type recordReader struct {
	root *node
	row  []driver.Value
	// scratch holds the unescaped strings of the current record. Values of the row point into it and into the record.
	scratch []byte
}

// read fills the row from the record that starts at b[i] and returns the position behind it, or cut or malformed.
func (r *recordReader) read(b []byte, i int) int {
	r.scratch = r.scratch[:0]
	return r.value(b, i, r.root, 0)
}

// value reads the value at b[i], for the node's own columns and for those within it.
func (r *recordReader) value(b []byte, i int, n *node, depth int) int {
	if i >= len(b) {
		return cut
	}
	start := i
	escaped := false
	switch {
	case b[i] == '{' && len(n.members) > 0:
		i = r.object(b, i, n, depth)
	case b[i] == '[' && len(n.elements) > 0:
		i = r.array(b, i, n, depth)
	case b[i] == '"':
		i, escaped = skipString(b, i)
	default:
		i = skipValue(b, i, depth)
	}
	if i < 0 {
		return i
	}
	for t := range n.targets {
		r.set(&n.targets[t], n, b[start:i], escaped)
	}
	return i
}

func (r *recordReader) object(b []byte, i int, n *node, depth int) int {
	if depth >= maxDepth {
		return malformed
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	hint := 0
	for {
		if i >= len(b) {
			return cut
		}
		if b[i] != '"' {
			return malformed
		}
		end, escaped := skipString(b, i)
		if end < 0 {
			return end
		}
		key := b[i+1 : end-1]
		if escaped {
			key = appendUnescaped(nil, key)
		}
		if i = afterColon(b, end); i < 0 {
			return i
		}
		if child := n.find(key, &hint); child != nil {
			i = r.value(b, i, child, depth+1)
		} else {
			i = skipValue(b, i, depth+1)
		}
		if i < 0 {
			return i
		}
		more := false
		if i, more = afterElement(b, i, '}'); !more {
			return i
		}
	}
}

func (r *recordReader) array(b []byte, i int, n *node, depth int) int {
	if depth >= maxDepth {
		return malformed
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for index := 0; ; index++ {
		var next int
		wanted := n.element(index)
		if wanted != nil {
			next = r.value(b, i, wanted, depth+1)
		} else {
			next = skipValue(b, i, depth+1)
		}
		if next < 0 {
			return next
		}
		more := false
		if i, more = afterElement(b, next, ']'); !more {
			return i
		}
	}
}

func (n *node) element(index int) *node {
	for _, e := range n.elements {
		if e.index == index {
			return e.node
		}
	}
	return nil
}

// set converts the JSON value for one column.
func (r *recordReader) set(t *target, n *node, raw []byte, escaped bool) {
	if raw[0] == 'n' {
		r.row[t.column] = nullValue(t.typ)
		return
	}
	text := raw
	quoted := raw[0] == '"'
	if quoted {
		text = raw[1 : len(raw)-1]
		if escaped {
			start := len(r.scratch)
			r.scratch = appendUnescaped(r.scratch, text)
			text = r.scratch[start:len(r.scratch):len(r.scratch)]
		}
	}
	switch t.transform {
	case NoTransform, BytesAsBase64:
		r.row[t.column] = r.convert(t.typ, raw, text, quoted)
	case DateTimeFromUnixSeconds, DateTimeFromUnixMilliseconds, DateTimeFromUnixMicroseconds, DateTimeFromUnixNanoseconds:
		r.row[t.column] = fromUnix(text, unitTicks(t.transform))
	case PropertyBagArrayToDictionary:
		r.row[t.column] = jsonValue(t.typ, mergeBags(raw))
	case DropMappedFields:
		r.row[t.column] = jsonValue(t.typ, n.unmapped(raw))
	}
}

// convert takes a JSON value without a transformation. Text within a string converts like the text of a CSV field,
// except that a plain string stays one in a dynamic column.
func (r *recordReader) convert(t kql.Type, raw, text []byte, quoted bool) driver.Value {
	if t == value.Dynamic {
		if quoted && (len(text) == 0 || text[0] != '{' && text[0] != '[') {
			return dynamicFromJSON(raw)
		}
		if quoted {
			return dynamicFromText(text)
		}
		return dynamicFromJSON(raw)
	}
	if t == value.String && !quoted && (raw[0] == '{' || raw[0] == '[') {
		return stringValue(compactJSON(raw))
	}
	return fromText(t, text)
}

// jsonValue puts JSON text that this package made into a column.
func jsonValue(t kql.Type, text []byte) driver.Value {
	switch {
	case text == nil:
		return nullValue(t)
	case t == value.Dynamic:
		return dynamicFromJSON(text)
	case t == value.String:
		return stringValue(text)
	}
	return nil
}

// members calls each for every member of the valid JSON object, with its name as it stands there, in quotes.
func members(object []byte, each func(name, value []byte)) {
	i := skipSpace(object, 1)
	for i < len(object) && object[i] == '"' {
		nameEnd, _ := skipString(object, i)
		start := afterColon(object, nameEnd)
		end := skipValue(object, start, 0)
		if end < 0 {
			return
		}
		each(object[i:nameEnd], object[start:end])
		if i = skipSpace(object, end); i >= len(object) || object[i] != ',' {
			return
		}
		i = skipSpace(object, i+1)
	}
}

// mergeBags turns an array of property bags into one bag: [{"a":1},{"b":2}] into {"a":1,"b":2}.
func mergeBags(array []byte) []byte {
	if array[0] != '[' {
		return nil
	}
	merged := []byte{'{'}
	for i := skipSpace(array, 1); i < len(array) && array[i] != ']'; {
		end := skipValue(array, i, 0)
		if end < 0 {
			return nil
		}
		if array[i] == '{' {
			members(array[i:end], func(name, value []byte) { merged = appendMember(merged, name, compactJSON(value)) })
		}
		if i = skipSpace(array, end); i < len(array) && array[i] == ',' {
			i = skipSpace(array, i+1)
		}
	}
	return append(merged, '}')
}

func appendMember(object, name, value []byte) []byte {
	if len(object) > 1 {
		object = append(object, ',')
	}
	object = append(object, name...)
	object = append(object, ':')
	return append(object, value...)
}

// unmapped returns the object without what other columns take from it.
func (n *node) unmapped(object []byte) []byte {
	if object[0] != '{' {
		return object
	}
	rest := []byte{'{'}
	members(object, func(name, value []byte) {
		key := name[1 : len(name)-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			key = appendUnescaped(nil, key)
		}
		child := n.member(string(key))
		switch {
		case child == nil:
			rest = appendMember(rest, name, compactJSON(value))
		case len(child.targets) == 0 && len(child.members) > 0 && value[0] == '{':
			rest = appendMember(rest, name, child.unmapped(value))
		}
	})
	return append(rest, '}')
}
