package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestWhatWasLeftOutIsNamedWithItsTestOrPackage(t *testing.T) {
	s := newSummary()
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
	for _, want := range []string{"2 left out", "left out: no PostgreSQL\n  services/capture (all of its tests)\n",
		"no Java\n  p TestA\n"} {
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

func TestOnlyAFewTestsThatFailOfThemselvesAreRunAgain(t *testing.T) {
	fail := func(pkg, test string) string {
		return fmt.Sprintf(`{"Action":"fail","Package":%q,"Test":%q}`+"\n", pkg, test)
	}
	wholePackage := func(pkg string) string { return fmt.Sprintf(`{"Action":"fail","Package":%q}`+"\n", pkg) }
	says := func(pkg, line string) string {
		return fmt.Sprintf(`{"Action":"output","Package":%q,"Test":"TestA","Output":%q}`+"\n", pkg, line)
	}
	for what, c := range map[string]struct {
		events string
		want   string
	}{
		"a test and its subtests": {fail("p", "TestA/x") + fail("p", "TestA") + fail("p", "TestB") + wholePackage("p"),
			"[{p TestA} {p TestB}]"},
		"two packages": {fail("p", "TestA") + wholePackage("p") + fail("q", "TestA") + wholePackage("q"),
			"[{p TestA} {q TestA}]"},
		"a data race":              {says("p", "WARNING: DATA RACE\n") + fail("p", "TestA") + wholePackage("p"), "[]"},
		"a panic":                  {says("p", "panic: boom\n") + fail("p", "TestA") + wholePackage("p"), "[]"},
		"a package without a test": {fail("p", "TestA") + wholePackage("p") + wholePackage("q"), "[]"},
		"more than come by chance": {fail("p", "TestA") + fail("p", "TestB") + fail("p", "TestC") + fail("p",
			"TestD") + fail("p", "TestE") + wholePackage("p"), "[]"},
		"a crash of what is a test": {says("q", "panic: boom\n") + fail("p", "TestA") + wholePackage("p"), "[{p TestA}]"},
	} {
		s := newSummary()
		if err := s.read(strings.NewReader(c.events), &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s.suspects()); got != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
	}
}

func TestWhatFailsAloneTooIsNotExcused(t *testing.T) {
	s := newSummary()
	s.failed = []name{{"github.com/calypso-cdc/calypso/tests/report", "TestARunOfNothingSaysWhichNamesThereAre"}}
	var out bytes.Buffer
	if !s.unsteady(&out, nil) || !strings.Contains(out.String(), "unsteady: tests/report TestARunOfNothing") {
		t.Errorf("a test that passes alone is not excused:\n%s", out.String())
	}
	out.Reset()
	// Without time each run of it fails.
	if s.unsteady(&out, []string{"-timeout", "1ns"}) || !strings.Contains(out.String(), "failed again: tests/report") {
		t.Errorf("a test that fails alone is excused:\n%s", out.String())
	}
}
