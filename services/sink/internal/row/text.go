package row

import (
	"bytes"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

// texts checks whether Kusto would keep the values of texts that are passed as they are: objects of
// JSON, or lines of values with a separator between. Texts of other formats, and files, are not
// looked into. One goroutine uses it.
type texts struct {
	format string
	target Target
	// objects is the plan of JSON, columns those that a line's values go to; either is made when it is needed.
	objects *plan
	columns []kusto.Column
	scratch []byte
}

// separators are those of the formats whose values may stand in quotes, which are doubled within.
// The escapes of tsve, for tabs and line ends, make no other value of what is none
// (learn.microsoft.com, azure/data-explorer/ingestion-supported-formats).
var separators = map[string]byte{"csv": ',', "tsv": '\t', "tsve": '\t', "psv": '|', "scsv": ';', "sohsv": 1}

func (c *texts) check(value []byte) error {
	if c.target.Schema == nil || c.format == "" {
		return nil
	}
	if kusto.MappingKind(c.format) == "json" {
		return c.checkObjects(value)
	}
	if separator, ok := separators[c.format]; ok {
		return c.checkLines(value, separator)
	}
	switch c.format {
	case "txt":
		for line := range bytes.SplitSeq(value, []byte("\n")) {
			if err := c.checkWhole(line); err != nil {
				return err
			}
		}
	case "raw":
		return c.checkWhole(value)
	}
	return nil
}

// checkWhole looks at a text that goes to the first column as it is.
func (c *texts) checkWhole(text []byte) error {
	if c.columns == nil {
		c.columns = c.target.positions()
	}
	if len(c.columns) == 0 || len(text) == 0 {
		return nil
	}
	if reason := refusalOf(c.columns[0].Type, text, true); reason != "" {
		return &Refused{Column: c.columns[0].Name, Reason: reason, TooLarge: len(text) > maxString}
	}
	return nil
}

// checkObjects looks at objects that follow each other, or stand in an array.
func (c *texts) checkObjects(value []byte) error {
	if c.objects == nil {
		c.objects = compile(nil, c.target, nil)
	}
	objects := 0
	for i := skipSpace(value, 0); i < len(value); i = skipSpace(value, i) {
		switch value[i] {
		case '[', ',', ']':
			i++
			continue
		}
		end := skipValue(value, i)
		if end < 0 || !sound(value[i:end]) {
			return &Refused{Reason: "the value is not JSON"}
		}
		var err error
		if c.scratch, err = c.objects.append(c.scratch[:0], value[i:end]); err != nil {
			return err
		}
		if refused := c.objects.foreign(value[i:end]); refused != nil {
			return refused
		}
		i = end
		objects++
	}
	if objects == 0 {
		return &Refused{Reason: "the value holds no JSON object"}
	}
	return nil
}

// checkLines looks at each value of each line, by the column that it goes to.
func (c *texts) checkLines(value []byte, separator byte) error {
	if c.columns == nil {
		c.columns = c.target.positions()
	}
	for line := 1; len(value) > 0; line++ {
		for at, more := 0, true; more; at++ {
			var text []byte
			var ok bool
			if text, value, more, ok = field(value, separator); !ok {
				return &Refused{Reason: fmt.Sprintf("the quotes of line %d do not end", line)}
			}
			if at >= len(c.columns) || c.columns[at].Name == "" || len(text) == 0 {
				continue
			}
			if reason := refusalOf(c.columns[at].Type, text, true); reason != "" {
				return &Refused{Column: c.columns[at].Name, Reason: reason, TooLarge: len(text) > maxString}
			}
		}
	}
	return nil
}

// positions are the columns that the values of a line go to, one for each position; one without a name takes none.
func (t Target) positions() []kusto.Column {
	if t.Mapping == nil {
		return t.Schema.Columns
	}
	var columns []kusto.Column
	for _, m := range t.Mapping.Columns {
		c, known := t.Schema.Find(m.Column)
		if !known || m.Const != "" || m.Transform != "" || m.Ordinal < 0 || m.Ordinal > maxOrdinal {
			continue
		}
		for len(columns) <= m.Ordinal {
			columns = append(columns, kusto.Column{})
		}
		if columns[m.Ordinal].Name != "" {
			c.Type = kusto.String // two columns take the value: only what neither could keep is refused
		}
		columns[m.Ordinal] = c
	}
	return columns
}

// maxOrdinal bounds what a mapping may ask for.
const maxOrdinal = 10_000

// field reads a line's next value. more says that another follows in the line; ok is false where quotes do not end.
func field(b []byte, separator byte) (text, rest []byte, more, ok bool) {
	if len(b) > 0 && b[0] == '"' {
		for i := 1; i < len(b); i++ {
			if b[i] != '"' {
				continue
			}
			if i+1 < len(b) && b[i+1] == '"' {
				i++
				continue
			}
			text = bytes.ReplaceAll(b[1:i], []byte(`""`), []byte(`"`))
			rest, more = behind(b[i+1:], separator)
			return text, rest, more, true
		}
		return nil, nil, false, false
	}
	end := bytes.IndexFunc(b, func(r rune) bool { return r == rune(separator) || r == '\n' })
	if end < 0 {
		return bytes.TrimSuffix(b, []byte("\r")), nil, false, true
	}
	text = b[:end]
	if b[end] == '\n' {
		text = bytes.TrimSuffix(text, []byte("\r"))
	}
	return text, b[end+1:], b[end] == separator, true
}

// behind passes over what follows a value in quotes, up to the separator or the line's end.
func behind(b []byte, separator byte) (rest []byte, more bool) {
	for i, c := range b {
		if c == separator || c == '\n' {
			return b[i+1:], c == separator
		}
	}
	return nil, false
}
