package ingest

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Format is how a source's records are written.
type Format string

// The formats, by ADX's names in lower case.
const (
	CSV        Format = "csv"
	TSV        Format = "tsv"
	TSVE       Format = "tsve"
	PSV        Format = "psv"
	SCSV       Format = "scsv"
	SOHSV      Format = "sohsv"
	TXT        Format = "txt"
	Raw        Format = "raw"
	JSON       Format = "json"
	SingleJSON Format = "singlejson"
	MultiJSON  Format = "multijson"
	Avro       Format = "avro"
	ApacheAvro Format = "apacheavro"
	Parquet    Format = "parquet"
)

// Formats lists all formats.
func Formats() []Format {
	return []Format{CSV, TSV, TSVE, PSV, SCSV, SOHSV, TXT, Raw, JSON, SingleJSON, MultiJSON, Avro, ApacheAvro, Parquet}
}

// ParseFormat reads a format's name, in any case; "" is CSV, ADX's default.
func ParseFormat(name string) (Format, error) {
	f := Format(strings.ToLower(name))
	if f == "" {
		return CSV, nil
	}
	if slices.Contains(Formats(), f) {
		return f, nil
	}
	return "", &Error{Code: CodeInvalidFormat, Message: fmt.Sprintf("format '%s' is not supported: supported are %v",
		name, Formats())}
}

// FormatOf guesses the format from a source's name, behind .gz or .zip; "" when the name does not tell.
func FormatOf(name string) Format {
	name = strings.ToLower(name)
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zip")
	f, err := ParseFormat(strings.TrimPrefix(path.Ext(name), "."))
	if err != nil || path.Ext(name) == "" {
		return ""
	}
	return f
}

// MappingKind is the kind of ingestion mapping that serves the format.
func (f Format) MappingKind() string {
	switch f {
	case JSON, SingleJSON, MultiJSON:
		return "json"
	case Avro, ApacheAvro:
		return "avro"
	case Parquet:
		return "parquet"
	}
	return "csv"
}

// delimiter returns the byte between fields of a delimited format, 0 for others.
func (f Format) delimiter() byte {
	switch f {
	case CSV:
		return ','
	case TSV, TSVE:
		return '\t'
	case PSV:
		return '|'
	case SCSV:
		return ';'
	case SOHSV:
		return 1
	}
	return 0
}
