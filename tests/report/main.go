package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// event is one line of `go test -json` (go doc test2json); a line of the go command about a failed
// build has Output only.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// name identifies a test, or a package where Test is empty.
type name struct{ pkg, test string }

// summary is what has been seen so far.
type summary struct {
	// output holds the lines of each test and package that has not ended well yet.
	output                  map[name][]string
	passed, failed, skipped []name
	reasons                 map[name]string
	// crashed holds the packages with output that no busy machine causes.
	crashed map[string]bool
}

func main() {
	again := flag.String("again", "", "run a few failed tests again with these `flags` of go test")
	flag.Parse()
	s := newSummary()
	start := time.Now()
	if err := s.read(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	s.print(os.Stdout, time.Since(start))
	if len(s.passed)+len(s.failed)+len(s.skipped) == 0 {
		fmt.Println(nothing(flag.Args()))
	}
	if len(s.passed) == 0 || len(s.failed) > 0 && (*again == "" || !s.unsteady(os.Stdout, strings.Fields(*again))) {
		os.Exit(1)
	}
}

func newSummary() *summary {
	return &summary{output: map[name][]string{}, reasons: map[name]string{}, crashed: map[string]bool{}}
}

// nothing says that no test has the name that was asked for, and which names there are in packages.
func nothing(packages []string) string {
	const said = "no test has been run: none has the name that -run asks for"
	names, err := exec.Command("go", append([]string{"test", "-list", "."}, packages...)...).Output()
	if err != nil || len(packages) == 0 {
		return said
	}
	text := said + "; there are:"
	for line := range strings.Lines(string(names)) {
		if strings.HasPrefix(line, "Test") {
			text += "\n  " + strings.TrimSpace(line)
		}
	}
	return text
}

// read takes in events until the end of r and prints packages and failures as they come.
func (s *summary) read(r io.Reader, w io.Writer) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(w, "%s", line) // not of test2json: what the go command itself says
			} else {
				s.take(e, w)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the test output: %w", err)
		}
	}
}

func (s *summary) take(e event, w io.Writer) {
	n := name{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(w, e.Output)
	case "output":
		if strings.HasPrefix(e.Output, "WARNING: DATA RACE") || strings.HasPrefix(e.Output, "panic: ") ||
			strings.HasPrefix(e.Output, "fatal error: ") {
			s.crashed[e.Package] = true
		}
		s.output[n] = append(s.output[n], e.Output)
		// What a package says of itself before its first test.
		if why, out := strings.CutPrefix(e.Output, "left out: "); out && e.Test == "" {
			s.skipped = append(s.skipped, n)
			s.reasons[n] = strings.TrimSpace(why)
		}
	case "pass":
		if e.Test == "" {
			fmt.Fprintf(w, "ok    %-70s %7.1fs\n", short(e.Package), e.Elapsed)
		} else {
			s.passed = append(s.passed, n)
		}
		delete(s.output, n)
	case "skip":
		if e.Test != "" {
			s.skipped = append(s.skipped, n)
			s.reasons[n] = reason(s.output[n])
		}
		delete(s.output, n)
	case "fail":
		s.failed = append(s.failed, n)
		fmt.Fprintf(w, "FAIL  %s %s (%.1fs)\n%s", short(e.Package), e.Test, e.Elapsed, strings.Join(s.output[n], ""))
		delete(s.output, n)
	}
}

// reason is what a skipped test said: its last line that is not the test runner's.
func reason(lines []string) string {
	for _, l := range slices.Backward(lines) {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "--- ") || strings.HasPrefix(l, "=== ") {
			continue
		}
		if _, said, ok := strings.Cut(l, ".go:"); ok {
			_, said, _ = strings.Cut(said, ": ")
			return said
		}
		return l
	}
	return "no reason given"
}

func (s *summary) print(w io.Writer, took time.Duration) {
	byReason := map[string][]name{}
	for _, n := range s.skipped {
		byReason[s.reasons[n]] = append(byReason[s.reasons[n]], n)
	}
	fmt.Fprintf(w, "\n%d passed, %d failed, %d left out in %v\n", len(s.passed), len(s.failed), len(s.skipped),
		took.Round(time.Second))
	for _, why := range slices.Sorted(maps.Keys(byReason)) {
		fmt.Fprintf(w, "\nleft out: %s\n", why)
		for _, n := range byReason[why] {
			fmt.Fprintf(w, "  %s %s\n", short(n.pkg), cmp.Or(n.test, "(all of its tests)"))
		}
	}
	for _, n := range s.failed {
		fmt.Fprintf(w, "failed: %s %s\n", short(n.pkg), n.test)
	}
}

func short(pkg string) string {
	return strings.TrimPrefix(pkg, "github.com/calypso-cdc/calypso/")
}
