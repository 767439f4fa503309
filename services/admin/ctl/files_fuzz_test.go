package ctl

import (
	"strings"
	"testing"
)

func FuzzAFileOfConnectorsIsReadOrRefused(f *testing.F) {
	for _, seed := range []string{
		"", "name: a\nconfig: {b: 1}", `{"name":"a","config":{"b":9007199254740993,"c":true,"d":"x"}}`,
		"name: a\nconfig:\n  b: [1]",
		"---\nname: a\nconfig: {b: c}\n---\nname: b\nconfig: {b: null}", "name: a\nconfig: &x {b: *x}", "nam: a", "\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		s := &session{in: strings.NewReader(content)}
		documents, err := readDocuments(s, "-")
		if (err == nil) != (len(documents) > 0) {
			t.Errorf("%d connectors and %v", len(documents), err)
		}
		for _, d := range documents {
			if d.Name == "" || len(d.Config) == 0 {
				t.Errorf("a connector is %+v", d)
			}
			if difference(d, d.Config) != "" {
				t.Errorf("%+v differs from itself", d)
			}
		}
	})
}

func TestNumbersOfAFileStayAsTheyAreTyped(t *testing.T) {
	s := &session{in: strings.NewReader(
		`{"name":"a","config":{"big":9007199254740993,"octal":"010","yes":true,"float":1.50,"text":"x"}}`)}
	documents, err := readDocuments(s, "-")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"big": "9007199254740993", "octal": "010", "yes": "true",
		"float": "1.50", "text": "x"} {
		if got := documents[0].Config[key]; got != want {
			t.Errorf("%s is %q instead of %q", key, got, want)
		}
	}
}
