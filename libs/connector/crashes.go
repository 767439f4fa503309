package connector

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/contain"
)

const (
	// crashesToQuarantine is how often a task may end the process within crashMemory before it is not started any more.
	crashesToQuarantine = 2
	crashMemory         = time.Hour
	maxCrashes          = 32
	// runLabel is the label of all goroutines of a task's run, which the text of a crash shows.
	runLabel = "calypso.run"
	// crashFrames is how many lines of the stack are shown.
	crashFrames = 12
)

// crash is an end of the worker's process that nobody asked for.
type crash struct {
	At time.Time `json:"at"`
	// Run is the run to blame (see runOf); empty if none can be. Named is set if the crash's own text names it.
	Run   string `json:"run,omitempty"`
	Named bool   `json:"named,omitempty"`
	// Said is the first line and the top of the stack, or how memory was used.
	Said string `json:"said"`
	// Killed is set if the kernel ended the process for want of memory, which left no text.
	Killed bool `json:"killed,omitempty"`
}

// plan is how a worker starts its tasks after what happened to the processes before it.
type plan struct {
	// oneByOne finds out whose start ends the process.
	oneByOne bool
	// quarantined are the runs that are not started by themselves, each with its last crash.
	quarantined map[string]crash
}

// planAfter decides from the crashes of the last processes, oldest first. crashed says that the very last process was one of them.
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

// runOf names the runs of a task with one configuration.
func runOf(id state.TaskID, generation int64) string { return fmt.Sprintf("%s@%d", id, generation) }

// taskOfRun is the task of a run.
func taskOfRun(run string) string { return run[:max(0, strings.LastIndexByte(run, '@'))] }

var labelled = regexp.MustCompile(`^goroutine .* labels:\{.*"` + regexp.QuoteMeta(runLabel) + `": ("(?:[^"\\]|\\.)*")`)

// crashOf reads what the runtime wrote. alone is the run that was being started alone; empty if none was. It is nil if somebody asked for
// the end to see the goroutines.
func crashOf(text, alone string, at time.Time) *crash {
	if strings.HasPrefix(text, "SIGQUIT:") {
		return nil
	}
	c := &crash{At: at, Run: alone, Said: causeOf(text)}
	lines := strings.Split(text, "\n")
	if start := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "goroutine ") }); start >= 0 {
		if found := labelled.FindStringSubmatch(lines[start]); found != nil && c.Said != outOfMemory {
			// Whoever asks for memory when none is left is not who has it.
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
	if first, _, _ := strings.Cut(text, "\n"); !strings.HasPrefix(first, "runtime stack:") && !strings.HasPrefix(first, "goroutine ") {
		return first
	}
	for _, f := range fatal {
		if f.frames.MatchString(top) {
			return f.cause
		}
	}
	return "a fatal error of Go's runtime, whose words are in the worker's log"
}

// crashes remembers, beyond the end of the process, what ended it. It is a file that is not synchronised with the disk: it must outlive
// the process, not the machine.
type crashes struct {
	dir    string
	logger *slog.Logger

	// readings are of the memory of this process; nil where nothing says what it is.
	readings *readings

	mu     sync.Mutex
	ledger ledger
	plan   plan
}

// ledger is the file's content.
type ledger struct {
	// Alone is the run that is being started alone.
	Alone   string  `json:"alone,omitempty"`
	Crashes []crash `json:"crashes,omitempty"`
}

func (c *crashes) text() string { return filepath.Join(c.dir, "crash.txt") }
func (c *crashes) path() string { return filepath.Join(c.dir, "crashes.json") }

// openCrashes reads in a folder of the worker's own what the last process left, and has this one leave why it ends. close is for an end in good order.
func openCrashes(dir string, logger *slog.Logger) (c *crashes, close func(), err error) {
	c = &crashes{dir: dir, logger: logger}
	said, release, err := contain.KeepCrash(c.text())
	if err != nil {
		return c, func() {}, err
	}
	text, err := os.ReadFile(c.path())
	if err == nil {
		err = json.Unmarshal(text, &c.ledger)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		logger.Warn("what ended the last processes of this worker cannot be read and is forgotten", "file", c.path(), "err", err)
		c.ledger = ledger{}
	}
	var last *crash
	if said != "" {
		last = crashOf(said, c.ledger.Alone, time.Now())
	}
	if outOfMemory := c.openReadings(); outOfMemory != nil && said == "" {
		last = outOfMemory.outOf(c.ledger.Alone, time.Now())
	}
	if last != nil {
		c.ledger.Crashes = append(c.ledger.Crashes, *last)
		logger.Error("the last process of this worker did not end in good order", "run", last.Run, "err", last.Said)
	}
	c.ledger.Crashes = slices.DeleteFunc(c.ledger.Crashes, func(one crash) bool { return time.Since(one.At) > crashMemory })
	c.ledger.Crashes = c.ledger.Crashes[max(0, len(c.ledger.Crashes)-maxCrashes):]
	c.ledger.Alone = ""
	c.plan = planAfter(c.ledger.Crashes, last != nil)
	c.save()
	return c, func() {
		release()
		_ = os.Remove(dir) // unless it has something to tell
	}, nil
}

// save writes the file, or removes it if there is nothing to remember. c.mu is held, but when c is made.
func (c *crashes) save() {
	if err := c.write(); err != nil {
		c.logger.Warn("what this worker starts cannot be noted: a connector that ends the process may not be found", "file", c.path(), "err", err)
	}
}

func (c *crashes) write() error {
	if c.ledger.Alone == "" && len(c.ledger.Crashes) == 0 {
		if err := os.Remove(c.path()); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	file, err := os.CreateTemp(c.dir, "crashes-")
	if err != nil {
		return err
	}
	if err := errors.Join(json.NewEncoder(file).Encode(c.ledger), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return os.Rename(file.Name(), c.path())
}

// alone notes the run that is being started alone; empty if that is over.
func (c *crashes) alone(run string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ledger.Alone = run
	c.save()
}

// verdict says why a run is not to be started, or nothing.
func (c *crashes) verdict(run string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	crash, ok := c.plan.quarantined[run]
	if !ok {
		return ""
	}
	more := fmt.Sprintf("The whole text is in %s.last. Change or delete the connector;", c.text())
	if crash.Killed {
		more = "Change or delete the connector, or give the worker more memory;"
	}
	return fmt.Sprintf("not started again, since the worker's process ended %d times within %s when the task ran, the last time with: %s\n"+
		"%s to try again as it is, restart it with POST …/restart?includeTasks=true.", crashesToQuarantine, crashMemory, crash.Said, more)
}

// lift forgets what a run did that somebody starts nevertheless.
func (c *crashes) lift(run string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.plan.quarantined[run]; ok {
		delete(c.plan.quarantined, run)
		c.ledger.Crashes = slices.DeleteFunc(c.ledger.Crashes, func(one crash) bool { return one.Run == run })
		c.save()
	}
}
