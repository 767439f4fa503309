package crash

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/memory"
)

const (
	// readingInterval is how often a worker looks at its memory at most, when little is left: a process whose memory is
	// limited may be ended within a tenth of a second.
	readingInterval = 50 * time.Millisecond
	// longestInterval is how often it looks when much is left. A look costs a good part of a millisecond.
	longestInterval = time.Second
	// heldShown is how many tasks, those which hold most, a reading names.
	heldShown = 8
	// maxReading bounds what is read of the last process.
	maxReading = 64 << 10
)

// Holder is a Task that counts what it holds in memory. After a worker ran out of memory, this
// shows which task held most.
type Holder interface {
	// Holds is how many bytes of what passes through the task it holds now. It is called by any goroutine, and is
	// cheap.
	Holds() int64
}

// held is how many bytes a run of a task holds.
type held struct {
	Run   string `json:"run"`
	Bytes int64  `json:"bytes"`
}

// lastReading is what a process last wrote about its memory. A process that ended in order has left
// none.
type lastReading struct {
	memory.Reading
	Held []held `json:"held,omitempty"`
}

// most is the run that held more than all others together, if that was more than a quarter of what
// was used: there is also memory that nobody counts.
func (r *lastReading) most() string {
	if len(r.Held) == 0 {
		return ""
	}
	first, others := r.Held[0], int64(0)
	for _, one := range r.Held[1:] {
		others += one.Bytes
	}
	if first.Bytes > others && first.Bytes > r.Used/4 {
		return first.Run
	}
	return ""
}

// outOf describes the crash of a process that the kernel ended. alone is the run that was being
// started alone.
func (r *lastReading) outOf(alone string, at time.Time) *crash {
	const mega = 1 << 20
	c := &crash{At: at, Run: cmp.Or(r.most(), alone), Killed: true,
		Said: fmt.Sprintf(
			"killed by the kernel, since memory was used up: of %d MB that the process may have, as a container or machine, %d MB were used or asked for at the last look", r.Limit/mega, r.Used/mega)}
	for _, one := range r.Held {
		if one.Bytes >= mega {
			c.Said += fmt.Sprintf("; task %s held %d MB", taskOfRun(one.Run), one.Bytes/mega)
		}
	}
	return c
}

// readings looks at the memory of the worker and writes down what the next process needs to know.
type readings struct {
	path   string
	source *memory.Source
	logger *slog.Logger

	mu      sync.Mutex
	holders map[string]Holder // by run; guarded by mu
}

// openReadings returns the last process's reading if that process ended for lack of memory, and
// prepares to read the memory of this one.
func (c *Journal) openReadings() *lastReading {
	path := filepath.Join(c.dir, "memory.json")
	last := takeReading(path)
	source, err := memory.Find("/")
	if err != nil {
		c.logger.Debug("a connector that uses up the memory cannot be identified", "err", err)
		return nil
	}
	c.readings = &readings{path: path, source: source, logger: c.logger, holders: map[string]Holder{}}
	now, err := source.Read()
	if last == nil || err != nil || !now.RanOut(last.Reading) {
		return nil
	}
	return last
}

// takeReading reads and removes the last process's reading; nil if it left none that can be read.
func takeReading(path string) *lastReading {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	defer os.Remove(path)
	last := new(lastReading)
	if err := json.NewDecoder(io.LimitReader(file, maxReading)).Decode(last); err != nil {
		return nil
	}
	return last
}

// holds notes that a run has begun whose task may count what it holds, until the returned function is called.
func (r *readings) holds(run string, task connector.Task) (end func()) {
	holder, ok := task.(Holder)
	if !ok || r == nil {
		return func() {}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holders[run] = holder
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.holders, run)
	}
}

// keep writes readings, if there are any, until ctx ends.
func (r *readings) keep(ctx context.Context) {
	if r == nil {
		return
	}
	file, err := os.OpenFile(r.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		r.logger.Warn("a connector that uses up the memory cannot be identified", "err", err)
		return
	}
	defer os.Remove(r.path)
	defer file.Close()
	for written, near := false, false; ; {
		now, err := r.source.Read()
		if err == nil && (!written || near || now.Near()) { // what is far from the limit need not be known
			near = now.Near()
			err = r.write(file, now)
			written = err == nil
		}
		if err != nil {
			r.logger.Debug("the memory of the process is not known", "err", err)
		}
		select {
		case <-time.After(min(longestInterval, max(readingInterval, now.Far()))):
		case <-ctx.Done():
			return
		}
	}
}

// write writes over what was there. A reader stops at the end of the first value.
func (r *readings) write(file *os.File, now memory.Reading) error {
	last := lastReading{Reading: now}
	if now.Near() {
		last.Held = r.held()
	}
	text, err := json.Marshal(last)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(append(text, '\n'), 0)
	return err
}

// held are the tasks that hold most, first the one with the most.
func (r *readings) held() []held {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]held, 0, len(r.holders))
	for run, holder := range r.holders {
		all = append(all, held{run, holder.Holds()})
	}
	slices.SortFunc(all, func(a, b held) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Run, b.Run)) })
	return all[:min(len(all), heldShown)]
}
