package reexec_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv/reexec"
)

// patience is for a machine that does much else.
const patience = time.Minute

type order struct {
	Words []string
	Fail  string
}

var (
	speaker = reexec.New("speaker", func(o order) error {
		fmt.Println(strings.Join(o.Words, " "), os.Getenv("TONE"))
		if o.Fail != "" {
			return errors.New(o.Fail)
		}
		return nil
	})
	sleeper = reexec.New("sleeper", func(taken int) error {
		memory := make([]byte, taken)
		for i := range memory {
			memory[i] = 1
		}
		if err := reexec.Ready(fmt.Sprint(len(memory))); err != nil {
			return err
		}
		time.Sleep(time.Hour)
		return nil
	})
)

func TestMain(m *testing.M) {
	reexec.Run()
	os.Exit(m.Run())
}

func TestAFunctionRunsAsAProcessWithItsArgumentAndEnvironment(t *testing.T) {
	p := speaker.Start(t, order{Words: []string{"one,", "“two”"}}, "TONE=loud")
	if err := p.Ends(t, patience); err != nil || p.Process.Log() != "one, “two” loud\n" {
		t.Errorf("it ended with %v and said %q", err, p.Process.Log())
	}
	p = speaker.Start(t, order{Fail: "no voice"})
	var status *exec.ExitError
	if err := p.Ends(t, patience); !errors.As(err, &status) || status.ExitCode() != 1 ||
		!strings.HasSuffix(p.Process.Log(), "no voice\n") {
		t.Errorf("it ended with %v and said %q", err, p.Process.Log())
	}
}

func TestAProcessIsAwaitedFrozenMeasuredAndEndsWithItsTest(t *testing.T) {
	const taken = 64 << 20
	var p *reexec.Process
	t.Run("while the test runs", func(t *testing.T) {
		p = sleeper.Start(t, taken)
		if line := p.Ready(t, patience); line != fmt.Sprint(taken) {
			t.Errorf("it said %q", line)
		}
		for _, change := range []func() error{p.Process.Freeze, p.Process.Thaw} {
			if err := errors.Join(change(), p.Process.Running()); err != nil {
				t.Error(err)
			}
		}
		if peak := p.Peak(t); peak < taken {
			t.Errorf("it had %d bytes, and took %d", peak, taken)
		}
	})
	var status *exec.ExitError
	if err := p.Ends(t, patience); !errors.As(err, &status) ||
		status.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("after the test it %v", err)
	}
}
