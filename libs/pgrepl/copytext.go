package pgrepl

import (
	"bytes"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// SplitCopyRow splits one row of COPY TO STDOUT's text format (manual page of COPY, "Text Format")
// into row, unescaping in place. The row's data alias line.
func SplitCopyRow(row pgmodel.Tuple, line []byte) (pgmodel.Tuple, error) {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	for {
		field, rest, more := bytes.Cut(line, tab)
		d, err := copyField(field)
		if err != nil {
			return row, err
		}
		row = append(row, d)
		if !more {
			return row, nil
		}
		line = rest
	}
}

var tab = []byte{'\t'}

func copyField(field []byte) (pgmodel.Datum, error) {
	r := bytes.IndexByte(field, '\\')
	if r < 0 {
		return pgmodel.Datum{Kind: pgmodel.Text, Data: field[:len(field):len(field)]}, nil
	}
	if len(field) == 2 && field[1] == 'N' {
		return pgmodel.Datum{Kind: pgmodel.Null}, nil
	}
	w := r
	for r < len(field) {
		c := field[r]
		r++
		if c == '\\' {
			if r == len(field) {
				return pgmodel.Datum{}, fmt.Errorf("a row of COPY ends within an escape")
			}
			c = field[r]
			r++
			switch c {
			case 'b':
				c = '\b'
			case 'f':
				c = '\f'
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			case 'v':
				c = '\v'
			}
		}
		field[w] = c
		w++
	}
	return pgmodel.Datum{Kind: pgmodel.Text, Data: field[:w:w]}, nil
}
