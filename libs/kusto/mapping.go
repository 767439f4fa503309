package kusto

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Mapped is one element of an ingestion mapping: where a column's value comes from.
type Mapped struct {
	Column   string
	DataType string
	// Path is a JSON path ($.a, $['a b'], $.a.b) or an Avro field; Ordinal is a position in csv.
	Path      string
	Ordinal   int
	Const     string
	Transform string
}

// Mapping is a named ingestion mapping of a table.
type Mapping struct {
	Name    string
	Kind    string
	Columns []Mapped
}

// ParseMapping reads a mapping in either of the forms that Kusto takes: {"column","Properties":{"path"}} and the older
// {"column","path","datatype"}. Names of properties have no case.
func ParseMapping(name, kind, text string) (*Mapping, error) {
	var elements []map[string]any
	if err := json.Unmarshal([]byte(text), &elements); err != nil {
		return nil, fmt.Errorf("mapping %s: %w", name, err)
	}
	m := &Mapping{Name: name, Kind: kind}
	for i, element := range elements {
		fields := lower(element)
		if p, ok := fields["properties"].(map[string]any); ok {
			for k, v := range lower(p) {
				fields[k] = v
			}
		}
		e := Mapped{
			Column: text0(fields["column"]), DataType: text0(fields["datatype"]), Path: text0(fields["path"]),
			Const: text0(fields["constvalue"]), Transform: text0(fields["transform"]),
		}
		if e.Column == "" {
			e.Column = text0(fields["name"])
		}
		if field := text0(fields["field"]); e.Path == "" && field != "" { // of an Avro mapping: the name, not a path
			e.Path = "$['" + field + "']"
		}
		if e.Column == "" {
			return nil, fmt.Errorf("mapping %s: element %d names no column", name, i)
		}
		if n, ok := fields["ordinal"].(float64); ok {
			e.Ordinal = int(n)
		} else if s := text0(fields["ordinal"]); s != "" {
			if _, err := fmt.Sscanf(s, "%d", &e.Ordinal); err != nil {
				return nil, fmt.Errorf("mapping %s: element %d has ordinal %q", name, i, s)
			}
		}
		m.Columns = append(m.Columns, e)
	}
	return m, nil
}

func lower(in map[string]any) map[string]any {
	out := make(map[string]any, len(in))
	for k, v := range in {
		out[strings.ToLower(k)] = v
	}
	return out
}

func text0(v any) string {
	s, _ := v.(string)
	return s
}

// Field returns the name of the top-level JSON field that a path names, and whether it names just that: $.a, $['a b'].
func (m Mapped) Field() (string, bool) {
	steps, ok := m.Steps()
	if !ok || len(steps) != 1 || steps[0].Name == "" {
		return "", false
	}
	return steps[0].Name, true
}

// Step leads from a value into it: to an object's member, or where Name is empty to an array's element.
type Step struct {
	Name  string
	Index int
}

// Steps splits a path such as $.a.b or $['a b'][0]. It returns false for paths that do not lead to
// exactly one value, such as those with wildcards.
func (m Mapped) Steps() ([]Step, bool) {
	rest, ok := strings.CutPrefix(m.Path, "$")
	var steps []Step
	for ok && rest != "" {
		var step Step
		step, rest, ok = nextStep(rest)
		steps = append(steps, step)
	}
	return steps, ok
}

func nextStep(path string) (step Step, rest string, ok bool) {
	if path[0] == '.' {
		end := strings.IndexAny(path[1:], ".[") + 1
		if end == 0 {
			end = len(path)
		}
		step.Name = path[1:end]
		return step, path[end:], step.Name != "" && step.Name != "*"
	}
	for _, quote := range []string{"'", `"`} {
		if inner, quoted := strings.CutPrefix(path, "["+quote); quoted {
			step.Name, rest, ok = strings.Cut(inner, quote+"]")
			return step, rest, ok && step.Name != ""
		}
	}
	inner, bracket := strings.CutPrefix(path, "[")
	text, rest, closed := strings.Cut(inner, "]")
	n, err := strconv.ParseUint(text, 10, 31)
	step.Index = int(n)
	return step, rest, bracket && closed && err == nil
}

// JSON writes a json mapping in the form that commands accept.
func (m *Mapping) JSON() string {
	type properties struct {
		Path      string `json:"Path,omitempty"`
		Ordinal   *int   `json:"Ordinal,omitempty"`
		Const     string `json:"ConstValue,omitempty"`
		Transform string `json:"Transform,omitempty"`
	}
	type element struct {
		Column     string     `json:"Column"`
		DataType   string     `json:"Datatype,omitempty"`
		Properties properties `json:"Properties"`
	}
	elements := make([]element, len(m.Columns))
	for i, c := range m.Columns {
		elements[i] = element{Column: c.Column, DataType: c.DataType,
			Properties: properties{Path: c.Path, Const: c.Const, Transform: c.Transform}}
		if m.Kind == "csv" && c.Const == "" {
			ordinal := c.Ordinal
			elements[i].Properties.Ordinal = &ordinal
		}
	}
	out, err := json.Marshal(elements)
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	return string(out)
}

// MappingOf fetches a table's ingestion mapping; if it does not exist, NotFound reports true for
// the error.
func (c *Client) MappingOf(ctx context.Context, db, table, kind, name string) (*Mapping, error) {
	t, err := c.Manage(ctx, db, ".show table "+QuoteName(table)+" ingestion "+kind+" mappings", "Name", "Mapping")
	if err != nil {
		return nil, err
	}
	for i := range t.Rows {
		if t.Value(i, "Name") == name {
			return ParseMapping(name, kind, t.Value(i, "Mapping"))
		}
	}
	return nil, &Error{
		Op: "read the mapping of " + db + "." + table, Code: "BadRequest_MappingReferenceWasNotFound", Permanent: true,
		Message: fmt.Sprintf("the %s mapping '%s' was not found", kind, name),
	}
}

// PutMapping creates or replaces a table's ingestion mapping.
func (c *Client) PutMapping(ctx context.Context, db, table string, m *Mapping) error {
	_, err := c.Manage(ctx, db, ".create-or-alter table "+QuoteName(table)+" ingestion "+m.Kind+" mapping "+
		QuoteString(m.Name)+" "+QuoteString(m.JSON()))
	return err
}
