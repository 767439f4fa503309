package crash

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/memory"
)

func TestWhoIsQuarantinedFollowsFromTheCrashes(t *testing.T) {
	unknown, named, alone := crash{}, crash{Run: "x-0@1", Named: true}, crash{Run: "x-0@1"}
	other := crash{Run: "y-0@1", Named: true}
	for name, c := range map[string]struct {
		history     []crash
		killed      bool
		oneByOne    bool
		quarantined string
	}{
		"nothing happened":                                {nil, true, false, ""},
		"nobody can be blamed":                            {[]crash{unknown}, false, true, ""},
		"nobody can be blamed, again and again":           {[]crash{unknown, unknown, unknown}, false, true, ""},
		"killed after a crash":                            {[]crash{unknown}, true, false, ""},
		"the crash names its task":                        {[]crash{named}, false, false, ""},
		"twice":                                           {[]crash{named, named}, false, false, "x-0@1"},
		"killed in quarantine":                            {[]crash{named, named}, true, false, "x-0@1"},
		"two tasks once each":                             {[]crash{named, other}, false, false, ""},
		"two tasks, one of them twice":                    {[]crash{named, other, named}, false, false, "x-0@1"},
		"two tasks, both twice":                           {[]crash{named, other, named, other}, false, false, "x-0@1 y-0@1"},
		"started alone":                                   {[]crash{unknown, alone}, false, true, ""},
		"started alone twice":                             {[]crash{unknown, alone, alone}, false, false, "x-0@1"},
		"another one after that":                          {[]crash{unknown, alone, alone, unknown}, false, true, "x-0@1"},
		"another configuration starts from the beginning": {[]crash{named, {Run: "x-0@2", Named: true}}, false, false, ""},
	} {
		got := planAfter(c.history, !c.killed)
		var quarantined []string
		for _, run := range []string{"x-0@1", "x-0@2", "y-0@1", ""} {
			if _, ok := got.quarantined[run]; ok {
				quarantined = append(quarantined, run)
			}
		}
		if got.oneByOne != c.oneByOne || strings.Join(quarantined, " ") != c.quarantined {
			t.Errorf("%s: one by one %t, quarantined %q; want %t, %q", name, got.oneByOne, quarantined,
				c.oneByOne, c.quarantined)
		}
	}
}

func TestACrashIsReadFromWhatTheRuntimeWrites(t *testing.T) {
	const labels = ` labels:{"a": "b", "calypso.run": "o\"rders-0@7"}`
	for name, c := range map[string]struct {
		text, alone string
		want        crash
	}{
		"a panic of a labelled goroutine": {"panic: boom\n\ngoroutine 7 gp=0x1 [running]" + labels +
			":\nmain.f()\n\t/f.go:1\n\ngoroutine 1 [select]:\nmain.main()", "z-0@1",
			crash{Run: `o"rders-0@7`, Named: true, Said: "panic: boom\nmain.f()\n\t/f.go:1"}},
		"only another goroutine has a label": {"goroutine 7 [running]:\ninternal/runtime/maps.fatal({0x1})\nmain.f()\n\ngoroutine 8 [select]" + labels + ":\nmain.g()", "",
			crash{Said: "fatal error: concurrent use of a map\ninternal/runtime/maps.fatal({0x1})\nmain.f()"}},
		"a stack that overflowed while one started alone": {"runtime stack:\nruntime.throw({0x1})\nruntime.newstack()\n\ngoroutine 7 [running]:\nmain.f()", "z-0@1",
			crash{Run: "z-0@1", Said: "fatal error: stack overflow\nmain.f()"}},
		"memory that ran out is not who asked for more": {"goroutine 7 [running" + labels +
			"]:\nruntime.throw({0x1})\n\t/x.go:1\nruntime.mallocgc(0x1)\nmain.f()", "",
			crash{Said: "fatal error: out of memory\nruntime.throw({0x1})\n\t/x.go:1\nruntime.mallocgc(0x1)\nmain.f()"}},
		"another error of the runtime": {"goroutine 7 [running" + labels + "]:\nruntime.throw({0x1})\nmain.f()", "",
			crash{Run: `o"rders-0@7`, Named: true,
				Said: "a fatal error of Go's runtime, whose message is in the worker's log\nruntime.throw({0x1})\nmain.f()"}},
		"a signal": {"SIGSEGV: segmentation violation\nPC=0x1", "", crash{Said: "SIGSEGV: segmentation violation"}},
	} {
		got := crashOf(c.text, c.alone, time.Time{})
		if got == nil || *got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if got := crashOf("SIGQUIT: quit\nPC=0x1", "x-0@1", time.Time{}); got != nil {
		t.Errorf("a dump that was asked for is taken for %+v", got)
	}
}

func TestWhoeverHadMostMemoryOrStartedAloneIsBlamedWhenItRunsOut(t *testing.T) {
	const mega = 1 << 20
	for name, c := range map[string]struct {
		held  []held
		alone string
		want  string
	}{
		"nobody counts":                     {nil, "", ""},
		"nobody counts, one starts alone":   {nil, "x-0@1", "x-0@1"},
		"one has most":                      {[]held{{"y-0@1", 60 * mega}, {"z-0@1", 20 * mega}}, "", "y-0@1"},
		"one has most while another starts": {[]held{{"y-0@1", 60 * mega}}, "x-0@1", "y-0@1"},
		"all have the same": {[]held{{"y-0@1", 30 * mega}, {"z-0@1", 30 * mega}, {"x-0@1", 30 * mega}}, "",
			""},
		"none has much of it":                  {[]held{{"y-0@1", 20 * mega}}, "", ""},
		"none has much of it, one starts then": {[]held{{"y-0@1", 20 * mega}}, "x-0@1", "x-0@1"},
	} {
		last := lastReading{Reading: memory.Reading{Used: 90 * mega, Limit: 100 * mega}, Held: c.held}
		got := last.outOf(c.alone, time.Time{})
		if got.Run != c.want || got.Named || !got.Killed ||
			!strings.Contains(got.Said, "of 100 MB that the process may have, as a container or machine, 90 MB were used") {
			t.Errorf("%s: %+v, want %q", name, got, c.want)
		}
		if len(c.held) > 0 && !strings.Contains(got.Said, "task y-0 held") {
			t.Errorf("%s: %s", name, got.Said)
		}
	}
}

func TestAReadingOfMemoryThatWasWrittenOverALongerOneIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.json")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := readings{holders: map[string]Holder{"x-0@1": holding(7), "y-0@1": holding(9)}}
	for _, used := range []int64{90, 40} { // near the limit, and far from it
		if err := r.write(file, memory.Reading{Boot: "b", Used: used, Limit: 100}); err != nil {
			t.Fatal(err)
		}
	}
	if got := takeReading(path); got == nil || got.Used != 40 || got.Held != nil {
		t.Errorf("%+v", got)
	}
	if got := takeReading(path); got != nil {
		t.Errorf("it is read twice: %+v", got)
	}
	for _, text := range []string{"", "{", "[]", `{"used":"x"}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := takeReading(path); got != nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

type holding int64

func (h holding) Holds() int64              { return int64(h) }
func (h holding) Run(context.Context) error { return nil }
