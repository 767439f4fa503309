package pgrepl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
)

// PostgreSQL converts text to UTF-8 from every encoding that a database can have, with three
// exceptions. For a database in SQL_ASCII it only checks that the bytes are UTF-8; since one row
// that is not would end all reading without being named, rows are requested as they are and checked
// here. A character of another encoding may have no equivalent. And for MULE_INTERNAL there is no
// conversion at all.

// sqlASCII is the encoding of databases whose text may be in any encoding.
const sqlASCII = "SQL_ASCII"

// Encoding returns the encoding of a connection's database.
func Encoding(conn *pgconn.PgConn) string { return conn.ParameterStatus("server_encoding") }

// Unchecked reports whether text from a database with this encoding may not be UTF-8.
func Unchecked(encoding string) bool { return encoding == sqlASCII }

// sendRaw asks for text as it is if the server would only check it.
func sendRaw(ctx context.Context, conn *pgconn.PgConn) error {
	if !Unchecked(Encoding(conn)) {
		return nil
	}
	return setEncoding(ctx, conn, sqlASCII)
}

// Raw asks for text in the database's encoding, whatever that is.
func (s *Session) Raw(ctx context.Context) error {
	return s.cfg.prompt(ctx, "set client_encoding", func(ctx context.Context) error {
		return setEncoding(ctx, s.conn, sqlASCII)
	})
}

// Copy runs a COPY … TO STDOUT with TextSettings and writes its rows to w, one for each Write;
// those of an Unchecked database are not converted.
func Copy(ctx context.Context, conn *pgconn.PgConn, w interface{ Write([]byte) (int, error) }, sql string) error {
	if err := sendRaw(ctx, conn); err != nil {
		return err
	}
	if _, err := conn.CopyTo(ctx, w, TextSettings+sql); err != nil {
		return err
	}
	if !Unchecked(Encoding(conn)) {
		return nil
	}
	return setEncoding(ctx, conn, "UTF8") // as statements with arguments require
}

func setEncoding(ctx context.Context, conn *pgconn.PgConn, encoding string) error {
	if _, err := conn.Exec(ctx, "SET client_encoding = "+encoding).ReadAll(); err != nil {
		return fmt.Errorf("set client_encoding: %w", err)
	}
	return nil
}

// Misencoded returns the error for a value that is not UTF-8, in the row that key describes; nil if
// the value is UTF-8.
func Misencoded(t Table, column, key string, value []byte) error {
	if utf8.Valid(value) {
		return nil
	}
	at := 0
	for at < len(value) {
		r, n := utf8.DecodeRune(value[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	table, name := QuoteTable(t.Schema, t.Name), QuoteIdent(column)
	return &Error{ReasonEncoding, fmt.Sprintf("read column %s of table %s, row %s", column, t, key),
		fmt.Errorf(
			"byte %d of its value is 0x%02X, which is not UTF-8; the database's encoding %s does not say what the bytes mean",
			at+1, value[at], sqlASCII),
		fmt.Sprintf(
			"If the value is in LATIN1, for instance: UPDATE %s SET %s = convert_from(convert(convert_to(%[2]s, 'SQL_ASCII'), 'LATIN1', 'UTF8'), 'SQL_ASCII') WHERE …; or leave the column out by column.exclude.list. "+
				"A change that is in the stream already is skipped with event.processing.failure.handling.mode=warn.", table,
			name)}
}

// unsendable returns the server's error about text that it cannot send as UTF-8; nil if err is
// another error.
func unsendable(err error) *pgconn.PgError {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == "22021" || pg.Code == "22P05") {
		return pg
	}
	return nil
}

// UnsendableAt returns the position of the change at which a stream ended because the server cannot
// send its text as UTF-8; false if it ended for another reason. The position is 0 if the server
// does not tell it.
func UnsendableAt(err error) (LSN, bool) {
	pg := unsendable(err)
	if pg == nil {
		return 0, false
	}
	at, _ := ParseLSN(anLSN.FindString(pg.Where))
	return at, true
}

// anLSN finds the position in an error's context, whose text depends on the server's language.
var anLSN = regexp.MustCompile(`\b[0-9A-F]+/[0-9A-F]+\b`)

// Inconvertible turns the error about text that the server cannot send as UTF-8 into an *Error;
// others are returned as they are. what says what was being read.
func Inconvertible(err error, encoding, what, remedy string) error {
	if unsendable(err) == nil {
		return err
	}
	return &Error{ReasonEncoding, what, fmt.Errorf("%w: the database's encoding is %s, and events are UTF-8", err,
		encoding), remedy}
}

// encodingRefused turns the refusal of a connection into an *Error if the database's encoding has
// no conversion.
func encodingRefused(op string, pg *pgconn.PgError) error {
	from, found := strings.CutPrefix(pg.Message, "conversion between UTF8 and ")
	if !found {
		return nil
	}
	encoding, _, _ := strings.Cut(from, " ")
	return &Error{ReasonEncoding, op,
		fmt.Errorf("%s (SQLSTATE %s): PostgreSQL cannot convert text of a database in %s to UTF-8, as events require",
			pg.Message, pg.Code, encoding),
		"Move the data into a database in UTF8: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0; then pg_dump the old one with its real encoding as --encoding, and load it with psql."}
}

// KeyText describes a row by its key columns, for messages; bytes that are not UTF-8 are shown in
// hexadecimal.
func KeyText(names []string, values [][]byte) string {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		v := values[i]
		const most = 100
		if len(v) > most {
			v = bytes.ToValidUTF8(v[:most], nil)
		}
		switch {
		case v == nil:
			fmt.Fprintf(&b, "%s is null", n)
		case utf8.Valid(v):
			fmt.Fprintf(&b, "%s=%s", n, v)
		default:
			fmt.Fprintf(&b, "%s=\\x%x", n, v)
		}
	}
	if len(names) == 0 {
		return "without a key"
	}
	return b.String()
}
