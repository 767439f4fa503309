package ingest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// Transform changes a value on its way into a column.
type Transform string

// The transformations, by ADX's names.
const (
	NoTransform                  Transform = ""
	DateTimeFromUnixSeconds      Transform = "DateTimeFromUnixSeconds"
	DateTimeFromUnixMilliseconds Transform = "DateTimeFromUnixMilliseconds"
	DateTimeFromUnixMicroseconds Transform = "DateTimeFromUnixMicroseconds"
	DateTimeFromUnixNanoseconds  Transform = "DateTimeFromUnixNanoseconds"
	SourceLocation               Transform = "SourceLocation"
	SourceLineNumber             Transform = "SourceLineNumber"
	PropertyBagArrayToDictionary Transform = "PropertyBagArrayToDictionary"
	DropMappedFields             Transform = "DropMappedFields"
	BytesAsBase64                Transform = "BytesAsBase64"
)

// Transforms lists all transformations.
func Transforms() []Transform {
	return []Transform{DateTimeFromUnixSeconds, DateTimeFromUnixMilliseconds, DateTimeFromUnixMicroseconds,
		DateTimeFromUnixNanoseconds,
		SourceLocation, SourceLineNumber, PropertyBagArrayToDictionary, DropMappedFields, BytesAsBase64}
}

// Element maps one column.
type Element struct {
	Column string
	// Type is the column's type as the mapping states it, or value.Unknown. Queued ingestion adds a missing column of
	// this type to the table.
	Type kql.Type
	// Path leads to the value in a JSON, Avro or Parquet record; nil when the element has none.
	Path *Path
	// Ordinal is the field's place in a delimited record; -1 when the element has none.
	Ordinal   int
	Transform Transform
	// Const is the value of every row; nil when the element reads one.
	Const *string
}

// Mapping is an ingestion mapping.
type Mapping struct {
	Kind     string
	Elements []Element
}

// elementText is an element as users write it, in the present form (Properties) and the older ones. Names are matched
// in any case.
type elementText struct {
	Column     string          `json:"column"`
	Name       string          `json:"name"`
	Datatype   string          `json:"datatype"`
	CSLType    string          `json:"cslDataType"`
	Properties json.RawMessage `json:"properties"`
	propertiesText
}

type propertiesText struct {
	Path       string          `json:"path"`
	Field      string          `json:"field"`
	Ordinal    json.RawMessage `json:"ordinal"`
	Transform  *string         `json:"transform"`
	ConstValue json.RawMessage `json:"constValue"`
	Const      json.RawMessage `json:"const"`
}

// ParseMapping reads a mapping of the kind from its JSON text.
func ParseMapping(kind, text string) (*Mapping, error) {
	var elements []elementText
	if err := json.Unmarshal([]byte(text), &elements); err != nil {
		return nil, mappingError("the mapping is not a JSON array of objects: %v", err)
	}
	m := &Mapping{Kind: strings.ToLower(kind)}
	for i, e := range elements {
		element, err := m.parseElement(e)
		if err != nil {
			return nil, mappingError("element %d: %v", i+1, err)
		}
		if slices.ContainsFunc(m.Elements, func(other Element) bool { return other.Column == element.Column }) {
			return nil, mappingError("column '%s' is mapped twice", element.Column)
		}
		m.Elements = append(m.Elements, element)
	}
	return m, nil
}

func mappingError(format string, args ...any) error {
	return &Error{Code: CodeInvalidMapping, Message: fmt.Sprintf("Invalid mapping: "+format, args...)}
}

func (m *Mapping) parseElement(text elementText) (Element, error) {
	properties := text.propertiesText
	if len(text.Properties) > 0 && string(text.Properties) != "null" {
		if err := json.Unmarshal(text.Properties, &properties); err != nil {
			return Element{}, fmt.Errorf("properties: %w", err)
		}
	}
	e := Element{Column: text.Column, Ordinal: -1}
	if e.Column == "" {
		e.Column = text.Name
	}
	if e.Column == "" {
		return Element{}, fmt.Errorf("it names no column")
	}
	if t := text.Datatype + text.CSLType; t != "" {
		var ok bool
		if e.Type, ok = value.ParseType(t); !ok {
			return Element{}, fmt.Errorf("column '%s' has the unknown type '%s'", e.Column, t)
		}
	}
	if err := e.setTransform(properties.Transform); err != nil {
		return Element{}, err
	}
	if err := e.setConst(properties); err != nil {
		return Element{}, err
	}
	return e, m.setSource(&e, properties)
}

func (e *Element) setTransform(name *string) error {
	if name == nil || *name == "" || strings.EqualFold(*name, "none") {
		return nil
	}
	for _, t := range Transforms() {
		if strings.EqualFold(string(t), *name) {
			e.Transform = t
			return nil
		}
	}
	return fmt.Errorf("column '%s' has the unknown transform '%s'", e.Column, *name)
}

func (e *Element) setConst(properties propertiesText) error {
	for _, raw := range []json.RawMessage{properties.ConstValue, properties.Const} {
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		text := string(raw)
		if raw[0] == '"' {
			if err := json.Unmarshal(raw, &text); err != nil {
				return fmt.Errorf("column '%s': constant: %w", e.Column, err)
			}
		}
		e.Const = &text
	}
	return nil
}

// setSource reads where the element's value comes from: an ordinal for delimited formats, a path for the others.
func (m *Mapping) setSource(e *Element, properties propertiesText) error {
	if m.Kind == "csv" {
		raw := strings.Trim(string(properties.Ordinal), `"`)
		if raw == "" || raw == "null" {
			if e.Const == nil && e.Transform != SourceLocation && e.Transform != SourceLineNumber {
				return fmt.Errorf("column '%s' needs an Ordinal, a ConstValue or a source transform", e.Column)
			}
			return nil
		}
		ordinal, err := strconv.Atoi(raw)
		if err != nil || ordinal < 0 {
			return fmt.Errorf("column '%s': the ordinal '%s' is not a number from 0", e.Column, raw)
		}
		e.Ordinal = ordinal
		return nil
	}
	switch {
	case properties.Path != "":
		path, err := ParsePath(properties.Path)
		if err != nil {
			return fmt.Errorf("column '%s': %w", e.Column, err)
		}
		e.Path = &path
	case properties.Field != "":
		e.Path = &Path{Steps: []Step{{Key: properties.Field}}}
	case e.Const == nil && e.Transform != SourceLocation && e.Transform != SourceLineNumber:
		return fmt.Errorf("column '%s' needs a Path, a ConstValue or a source transform", e.Column)
	}
	return nil
}

// MissingColumns lists the columns that the mapping names with a type and the table lacks.
func (m *Mapping) MissingColumns(columns []kql.Column) []kql.Column {
	var missing []kql.Column
	for _, e := range m.Elements {
		known := slices.ContainsFunc(columns, func(c kql.Column) bool { return c.Name == e.Column })
		if !known && e.Type != value.Unknown {
			missing = append(missing, kql.Column{Name: e.Column, Type: e.Type})
		}
	}
	return missing
}
