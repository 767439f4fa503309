package calypso

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// progress shows the steps of a start, one line each. On a terminal the line of a running step is
// overwritten when it is done; elsewhere each remark has a line of its own. It belongs to one
// goroutine.
type progress struct {
	out      io.Writer
	terminal bool
	// last is the length of the present line.
	last int
}

func newProgress(out io.Writer) *progress {
	f, ok := out.(*os.File)
	if !ok {
		return &progress{out: out}
	}
	info, err := f.Stat()
	return &progress{out: out, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// step shows what is being done while do runs. do may replace the remark with note; the remark that
// it returns is shown when it is done.
func (p *progress) step(what string, do func(note func(string)) (remark string, err error)) error {
	begin := time.Now()
	note := func(remark string) { p.show("…", what, remark) }
	note("")
	remark, err := do(note)
	if unasked, ok := errors.AsType[notAsked](err); ok {
		p.end("-", what, string(unasked))
		return nil
	}
	if err != nil {
		p.end("✗", what, "")
		return err
	}
	p.end("✓", what, fmt.Sprintf("%s (%.1f s)", remark, time.Since(begin).Seconds()))
	return nil
}

// notAsked is the error of a step that could not check anything: nothing is wrong, but nothing is
// known to be right.
type notAsked string

func (n notAsked) Error() string { return string(n) }

func (p *progress) show(mark, what, remark string) {
	line := fmt.Sprintf("  %s %-22s %s", mark, what, remark)
	if !p.terminal {
		if remark != "" { // without a remark, a beginning is not worth a line
			fmt.Fprintln(p.out, line)
		}
		return
	}
	fmt.Fprintf(p.out, "\r%-*s", p.last, line)
	p.last = len(line)
}

func (p *progress) end(mark, what, remark string) {
	line := fmt.Sprintf("  %s %-22s %s", mark, what, remark)
	if p.terminal {
		fmt.Fprintf(p.out, "\r%-*s\n", p.last, line)
	} else {
		fmt.Fprintln(p.out, line)
	}
	p.last = 0
}
