package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// few is the number of tests that may fail each for a reason of its own. More have a common cause.
const few = 4

// suspects are the tests that may have failed for a passing reason, without their subtests;
// nil where a failure is of another kind: of a package without a failed test (it does not build, or
// ran out of time), or of one that crashed.
func (s *summary) suspects() []name {
	var tests, packages []name
	for _, n := range s.failed {
		switch top, _, _ := strings.Cut(n.test, "/"); {
		case n.test == "":
			packages = append(packages, n)
		case !slices.Contains(tests, name{n.pkg, top}):
			tests = append(tests, name{n.pkg, top})
		}
	}
	for _, p := range packages {
		if s.crashed[p.pkg] || !slices.ContainsFunc(tests, func(t name) bool { return t.pkg == p.pkg }) {
			return nil
		}
	}
	if len(tests) > few {
		return nil
	}
	return tests
}

// unsteady runs the suspects alone and reports whether all that failed passes then.
func (s *summary) unsteady(w io.Writer, flags []string) bool {
	tests := s.suspects()
	for _, n := range tests {
		fmt.Fprintf(w, "\nagain, alone: %s %s\n", short(n.pkg), n.test)
		cmd := exec.Command("go", slices.Concat([]string{"test", "-count=3", "-failfast", "-run", "^" + n.test + "$"}, flags,
			[]string{n.pkg})...)
		cmd.Stdout, cmd.Stderr = w, os.Stderr
		if err := cmd.Run(); err != nil {
			fmt.Fprintf(w, "failed again: %s %s\n", short(n.pkg), n.test)
			return false
		}
	}
	for _, n := range tests {
		fmt.Fprintf(w, "unsteady: %s %s failed once and passed three times alone; its first output is above\n",
			short(n.pkg), n.test)
	}
	return len(tests) > 0
}
