package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/contain"
)

// Journal remembers, beyond the end of the process, what ended it. It is a file that is not synchronised with the
// disk: it must outlive the process, not the machine.
type Journal struct {
	dir    string
	logger *slog.Logger

	// readings are of the memory of this process; nil where nothing says what it is.
	readings *readings

	mu     sync.Mutex
	ledger ledger
	plan   plan
}

// OneByOne reports whether tasks are to be started one by one, to find out whose start ends the process.
func (c *Journal) OneByOne() bool { return c.plan.oneByOne }

// Watch writes down how the memory of this process is used, until ctx ends.
func (c *Journal) Watch(ctx context.Context) { c.readings.keep(ctx) }

// Holds registers the task of a run that begins, so that readings of memory include what it holds
// (see Holder); end removes it again.
func (c *Journal) Holds(run string, task connector.Task) (end func()) {
	return c.readings.holds(run, task)
}

// ledger is the file's content.
type ledger struct {
	// Alone is the run that is being started alone.
	Alone   string  `json:"alone,omitempty"`
	Crashes []crash `json:"crashes,omitempty"`
}

func (c *Journal) text() string { return filepath.Join(c.dir, "crash.txt") }
func (c *Journal) path() string { return filepath.Join(c.dir, "crashes.json") }

// Open reads what the last process left in a directory of the worker's own, and arranges that this
// process leaves why it ends. close is to be called at an orderly end.
func Open(dir string, logger *slog.Logger) (c *Journal, close func(), err error) {
	c = &Journal{dir: dir, logger: logger}
	said, release, err := contain.KeepCrash(c.text())
	if err != nil {
		return c, func() {}, err
	}
	text, err := os.ReadFile(c.path())
	if err == nil {
		err = json.Unmarshal(text, &c.ledger)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		logger.Warn("the record of what ended the last processes of this worker cannot be read and is dropped", "file",
			c.path(), "err", err)
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
		logger.Error("the last process of this worker crashed", "run", last.Run, "err", last.Said)
	}
	c.ledger.Crashes = slices.DeleteFunc(c.ledger.Crashes,
		func(one crash) bool { return time.Since(one.At) > crashMemory })
	c.ledger.Crashes = c.ledger.Crashes[max(0, len(c.ledger.Crashes)-maxCrashes):]
	c.ledger.Alone = ""
	c.plan = planAfter(c.ledger.Crashes, last != nil)
	c.save()
	return c, func() {
		release()
		_ = os.Remove(dir) // unless it has something to tell
	}, nil
}

// save writes the file, or removes it if there is nothing to remember. The caller holds c.mu,
// except in Open.
func (c *Journal) save() {
	if err := c.write(); err != nil {
		c.logger.Warn("cannot record which task is being started: a connector that crashes the process may not be identified", "file",
			c.path(), "err", err)
	}
}

func (c *Journal) write() error {
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

// Alone notes the run that is being started alone; empty if that is over.
func (c *Journal) Alone(run string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ledger.Alone = run
	c.save()
}

// Verdict says why a run must not be started; empty if it may be.
func (c *Journal) Verdict(run string) string {
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
	return fmt.Sprintf(
		"not started again, since the worker's process ended %d times within %s when the task ran, the last time with: %s\n"+
			"%s to try again as it is, restart it with POST …/restart?includeTasks=true.", crashesToQuarantine, crashMemory,
		crash.Said, more)
}

// Lift ends the quarantine of a run, since somebody starts it nevertheless.
func (c *Journal) Lift(run string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.plan.quarantined[run]; ok {
		delete(c.plan.quarantined, run)
		c.ledger.Crashes = slices.DeleteFunc(c.ledger.Crashes, func(one crash) bool { return one.Run == run })
		c.save()
	}
}
