package status

import (
	"encoding/json"
	"testing"
	"time"
)

func TestANoticeThatAnEarlierVersionHasNotedIsReadAndWrittenAsItWas(t *testing.T) {
	const noted = `{"kind":"KIND_TRUNCATED","topic":"s.t","table":"shop.T","summary":"it was truncated","remedy":"clear it","time":"2026-01-02T03:04:05.123456Z"}`
	n := readNote([]byte(noted))
	if n == nil {
		t.Fatal("it is not read")
	}
	want := Notice{Kind: Truncated, Topic: "s.t", Table: "shop.T", Summary: "it was truncated", Remedy: "clear it",
		Time: time.Date(2026, 1, 2, 3, 4, 5, 123456000, time.UTC)}
	if *n != want || n.noteName() != "KIND_TRUNCATED.s.t" {
		t.Errorf("%+v of name %s, want %+v", *n, n.noteName(), want)
	}
	written, err := json.Marshal(n)
	if err != nil || string(written) != noted {
		t.Errorf("written as %s, %v", written, err)
	}
}

func TestANoteOfAnotherKindIsNoNoticeThatLasts(t *testing.T) {
	for _, note := range []string{`{"kind":"KIND_OF_A_LATER_VERSION"}`, `{"kind":"KIND_TABLE_CHANGING"}`, `{}`, `null`, `7`} {
		if n := readNote([]byte(note)); n != nil {
			t.Errorf("%s is read as %+v", note, n)
		}
	}
}
