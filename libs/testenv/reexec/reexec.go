// Package reexec runs functions of a test binary as processes of their own, to be killed, frozen and measured as no
// goroutine can be.
//
// Model. A Function is made in a package-level variable. Start starts the test binary again, with the
// function's name and its argument, as JSON, in the environment; TestMain calls Run before all else,
// which in such a process calls the function in place of the tests and never returns. A process can
// say that it is Ready, which the test waits for.
//
// Guarantees. A process ends with the test that started it, and on Linux with the test binary. Its output is in the
// test's log if the test fails.
package reexec

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

// What a process is to do is said in these variables of its environment.
const (
	nameVariable     = "CALYPSO_TEST_REEXEC"
	argumentVariable = "CALYPSO_TEST_REEXEC_ARGUMENT"
)

// readyFile is the descriptor on which a process says that it is ready.
const readyFile = 3

// functions are all Functions of the test binary, by name; written before TestMain only.
var functions = map[string]func(argument []byte) error{}

// Function is a function of the test binary that can be started as a process. Its argument must survive JSON.
type Function[A any] struct{ name string }

// New makes a Function, in a package-level variable. A process of which run returns nil ends with status 0; an error is
// written to standard error, and the status is 1. It panics if the name is taken.
func New[A any](name string, run func(A) error) Function[A] {
	if functions[name] != nil {
		panic("two functions are called " + name)
	}
	functions[name] = func(argument []byte) error {
		var a A
		if err := json.Unmarshal(argument, &a); err != nil {
			return fmt.Errorf("read the argument of %s: %w", name, err)
		}
		return run(a)
	}
	return Function[A]{name}
}

// Run returns if this process is to run the tests. Otherwise it calls the process's function and ends the process.
func Run() {
	name := os.Getenv(nameVariable)
	if name == "" {
		return
	}
	argument := []byte(os.Getenv(argumentVariable))
	// Processes that the function starts are their own.
	err := errors.Join(os.Unsetenv(nameVariable), os.Unsetenv(argumentVariable))
	if run := functions[name]; run == nil {
		err = fmt.Errorf("this test binary has no function %q", name)
	} else if err == nil {
		err = run(argument)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Ready is called once by a function that can be used from now on: it tells the test that, and one line more.
func Ready(line string) error {
	f := os.NewFile(readyFile, "ready")
	_, err := fmt.Fprintln(f, line)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("tell the test that the process is ready: %w", err)
	}
	return nil
}

// Process is a function that runs as a process.
type Process struct {
	Process *testenv.Process
	name    string
	ready   *os.File
}

// Start starts the function with an argument and more environment (KEY=value).
func (f Function[A]) Start(t testing.TB, argument A, environment ...string) *Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(argument)
	if err != nil {
		t.Fatalf("write the argument of %s: %v", f.name, err)
	}
	ready, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	t.Cleanup(func() { ready.Close() })
	process, err := testenv.StartProcess(testenv.Command{Path: self, Log: filepath.Join(t.TempDir(), f.name+".log"),
		Env:   append([]string{nameVariable + "=" + f.name, argumentVariable + "=" + string(text)}, environment...),
		Files: []*os.File{theirs}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Kill()
		if t.Failed() {
			t.Logf("the output of %s (pid %d) ends:\n%s", f.name, process.PID(), process.Tail(40))
		}
	})
	return &Process{process, f.name, ready}
}

// Ready waits until the process has called Ready, and returns its line. It fails the test if the process ends before or
// is not ready within patience, and may be called once.
func (p *Process) Ready(t testing.TB, patience time.Duration) string {
	t.Helper()
	if err := p.ready.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(p.ready).ReadString('\n')
	switch {
	case errors.Is(err, io.EOF):
		t.Fatalf("%s ended, or closed its files, before it was ready", p.name)
	case err != nil:
		t.Fatalf("%s is not ready after %v: %v", p.name, patience, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// Ends waits until the process ends by itself and returns how: nil for status 0, else an error that wraps
// *exec.ExitError. It fails the test if the process runs longer than patience.
func (p *Process) Ends(t testing.TB, patience time.Duration) error {
	t.Helper()
	select {
	case <-p.Process.Done():
		return p.Process.Ended()
	case <-time.After(patience):
		t.Fatalf("%s has not ended after %v", p.name, patience)
		return nil
	}
}

// Peak is the most memory that the process has had, in bytes. It skips the test on a system that does not tell, and
// fails it if the process has ended.
func (p *Process) Peak(t testing.TB) int64 {
	t.Helper()
	if err := p.Process.Running(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("left out: this system does not tell how much memory a process has had")
	}
	peak, err := p.Process.PeakRSS()
	if err != nil {
		t.Fatal(errors.Join(err, p.Process.Running()))
	}
	return peak
}
