package ctl

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestWhatAServerSaysCommandsNoTerminal(t *testing.T) {
	const said = "role \x1b[31m\x1b]0;title\x07 is\r\nmissing\u009b2Jé\t日本\x7f"
	var out bytes.Buffer
	cells := newTable(printable{&out})
	cells.row("capture", said)
	if err := cells.w.Flush(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(printable{&out}, "%s\n%s\n", said, Message(errors.New(said)))
	text := out.String() + Message(errors.New(said))
	if strings.ContainsAny(text, "\x1b\x07\r\u009b\x7f") || strings.Count(text, "日本") != 4 || !strings.Contains(text, "é") {
		t.Errorf("%q", text)
	}
}
