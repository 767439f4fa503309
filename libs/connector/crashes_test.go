package connector

import (
	"strings"
	"testing"
	"time"
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
			t.Errorf("%s: one by one %t, quarantined %q; want %t, %q", name, got.oneByOne, quarantined, c.oneByOne, c.quarantined)
		}
	}
}

func TestACrashIsReadFromWhatTheRuntimeWrites(t *testing.T) {
	const labels = ` labels:{"a": "b", "calypso.run": "o\"rders-0@7"}`
	for name, c := range map[string]struct {
		text, alone string
		want        crash
	}{
		"a panic of a labelled goroutine": {"panic: boom\n\ngoroutine 7 gp=0x1 [running]" + labels + ":\nmain.f()\n\t/f.go:1\n\ngoroutine 1 [select]:\nmain.main()", "z-0@1",
			crash{Run: `o"rders-0@7`, Named: true, Said: "panic: boom\nmain.f()\n\t/f.go:1"}},
		"only another goroutine has a label": {"goroutine 7 [running]:\ninternal/runtime/maps.fatal({0x1})\nmain.f()\n\ngoroutine 8 [select]" + labels + ":\nmain.g()", "",
			crash{Said: "fatal error: concurrent use of a map\ninternal/runtime/maps.fatal({0x1})\nmain.f()"}},
		"a stack that overflowed while one started alone": {"runtime stack:\nruntime.throw({0x1})\nruntime.newstack()\n\ngoroutine 7 [running]:\nmain.f()", "z-0@1",
			crash{Run: "z-0@1", Said: "fatal error: stack overflow\nmain.f()"}},
		"memory that ran out is not who asked for more": {"goroutine 7 [running" + labels + "]:\nruntime.throw({0x1})\n\t/x.go:1\nruntime.mallocgc(0x1)\nmain.f()", "",
			crash{Said: "fatal error: out of memory\nruntime.throw({0x1})\n\t/x.go:1\nruntime.mallocgc(0x1)\nmain.f()"}},
		"another error of the runtime": {"goroutine 7 [running" + labels + "]:\nruntime.throw({0x1})\nmain.f()", "",
			crash{Run: `o"rders-0@7`, Named: true, Said: "a fatal error of Go's runtime, whose words are in the worker's log\nruntime.throw({0x1})\nmain.f()"}},
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
