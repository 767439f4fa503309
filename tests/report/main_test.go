package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestWhatWasLeftOutIsNamedWithItsTestOrPackage(t *testing.T) {
	s := summary{output: map[name][]string{}, reasons: map[name]string{}}
	events := `{"Action":"output","Package":"github.com/calypso-cdc/calypso/services/capture","Output":"left out: no PostgreSQL\n"}
{"Action":"pass","Package":"github.com/calypso-cdc/calypso/services/capture"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: left out: no Java\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
`
	var out bytes.Buffer
	if err := s.read(strings.NewReader(events), &out); err != nil {
		t.Fatal(err)
	}
	s.print(&out, 0)
	for _, want := range []string{"2 left out", "left out: no PostgreSQL\n  services/capture (all of its tests)\n", "no Java\n  p TestA\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, out.String())
		}
	}
}

func TestARunOfNothingSaysWhichNamesThereAre(t *testing.T) {
	said := nothing([]string{"."})
	for _, want := range []string{"no test has been run", "TestARunOfNothingSaysWhichNamesThereAre"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing: %s", want, said)
		}
	}
}
