package crash

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/state"
)

const (
	// crashesToQuarantine is how often a task may end the process within crashMemory before it is no longer started.
	crashesToQuarantine = 2
	crashMemory         = time.Hour
	maxCrashes          = 32
	// Label is the label of all goroutines of a task's run, which the text of a crash shows.
	Label = "calypso.run"
	// crashFrames is how many lines of the stack are shown.
	crashFrames = 12
)

// crash is an unexpected end of the worker's process.
type crash struct {
	At time.Time `json:"at"`
	// Run is the run to blame (see runOf); empty if none can be. Named is set if the crash's own text names it.
	Run   string `json:"run,omitempty"`
	Named bool   `json:"named,omitempty"`
	// Said is the first line and the top of the stack, or says how memory was used.
	Said string `json:"said"`
	// Killed is set if the kernel ended the process for lack of memory, which left no text.
	Killed bool `json:"killed,omitempty"`
}

// plan says how a worker starts its tasks, given what ended the processes before it.
type plan struct {
	// oneByOne starts tasks one at a time, to find out whose start ends the process.
	oneByOne bool
	// quarantined are the runs that are only started if somebody asks for it, each with its last
	// crash.
	quarantined map[string]crash
}

// planAfter decides from the crashes of the last processes, oldest first. crashed says that the very last process was
// one of them.
func planAfter(history []crash, crashed bool) plan {
	p := plan{quarantined: map[string]crash{}}
	times := map[string]int{}
	for _, c := range history {
		if times[c.Run]++; c.Run != "" && times[c.Run] >= crashesToQuarantine {
			p.quarantined[c.Run] = c
		}
	}
	if crashed {
		last := history[len(history)-1]
		_, found := p.quarantined[last.Run]
		p.oneByOne = !last.Named && !found
	}
	return p
}

// RunOf is the name of the runs of a task with one configuration.
func RunOf(id state.TaskID, generation int64) string { return fmt.Sprintf("%s@%d", id, generation) }

// taskOfRun is the task of a run.
func taskOfRun(run string) string { return run[:max(0, strings.LastIndexByte(run, '@'))] }

var labelled = regexp.MustCompile(`^goroutine .* labels:\{.*"` + regexp.QuoteMeta(Label) + `": ("(?:[^"\\]|\\.)*")`)

// crashOf reads what the runtime wrote. alone is the run that was being started alone; empty if none was. It is nil
// if somebody asked for the end to see the goroutines.
func crashOf(text, alone string, at time.Time) *crash {
	if strings.HasPrefix(text, "SIGQUIT:") {
		return nil
	}
	c := &crash{At: at, Run: alone, Said: causeOf(text)}
	lines := strings.Split(text, "\n")
	if start := slices.IndexFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "goroutine ")
	}); start >= 0 {
		if found := labelled.FindStringSubmatch(lines[start]); found != nil && c.Said != outOfMemory {
			// The goroutine that asks for memory when none is left is not necessarily the one that holds it.
			if run, err := strconv.Unquote(found[1]); err == nil {
				c.Run, c.Named = run, true
			}
		}
		stack := lines[start+1 : min(len(lines), start+1+crashFrames)]
		if end := slices.Index(stack, ""); end >= 0 {
			stack = stack[:end]
		}
		c.Said += "\n" + strings.Join(stack, "\n")
	}
	return c
}

// outOfMemory is a cause that says nothing about who is to blame.
const outOfMemory = "fatal error: out of memory"

// fatal knows the runtime's own errors by their frames, since their words go to standard error alone.
var fatal = []struct {
	frames *regexp.Regexp
	cause  string
}{
	{regexp.MustCompile(`runtime\.newstack\(`), "fatal error: stack overflow"},
	{regexp.MustCompile(`internal/runtime/maps\.fatal\(`), "fatal error: concurrent use of a map"},
	{regexp.MustCompile(`runtime\.throw\((?s:.*)runtime\.mallocgc\(`), outOfMemory},
}

// causeOf says in a line why the process ended.
func causeOf(text string) string {
	top, _, _ := strings.Cut(text, "\ngoroutine ") // of the runtime's own stack, or of the goroutine
	if first, _, _ := strings.Cut(text, "\n"); !strings.HasPrefix(first, "runtime stack:") &&
		!strings.HasPrefix(first, "goroutine ") {
		return first
	}
	for _, f := range fatal {
		if f.frames.MatchString(top) {
			return f.cause
		}
	}
	return "a fatal error of Go's runtime, whose message is in the worker's log"
}
