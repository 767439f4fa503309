package testenv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Command says how to run a child process.
type Command struct {
	// Path and Args are the program and its arguments without the program's own name.
	Path string
	Args []string
	// Env holds KEY=value pairs that are added to the environment of the parent.
	Env []string
	Dir string
	// Log is the file to which standard output and error are appended.
	Log string
	// Files are further open files of the child, from descriptor 3 on; the parent must still close its
	// own.
	Files []*os.File
	// UID and GID are the user to run as; the parent's own if UID is 0.
	UID, GID int
	// DeathSignal is the signal that the child gets when its parent dies; SIGKILL if zero. Linux only.
	DeathSignal syscall.Signal
}

// Process is a running child process. Its methods may be called from any goroutine.
type Process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	// err is the result of Wait; valid once done is closed.
	err error
}

// StartProcess starts a child.
func StartProcess(c Command) (*Process, error) {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", filepath.Base(c.Path), err)
	}
	defer log.Close()
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Dir = c.Dir
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, c.Files
	uid := -1
	if c.UID != 0 {
		uid = c.UID
	}
	if c.DeathSignal == 0 {
		c.DeathSignal = syscall.SIGKILL
	}
	cmd.SysProcAttr = childAttributes(uid, c.GID, c.DeathSignal)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	p := &Process{cmd: cmd, log: c.Log, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running returns nil while the process runs, else an error with how it ended and the end of its log.
func (p *Process) Running() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended (%w); the end of its log:\n%s", filepath.Base(p.cmd.Path), p.err, p.Tail(20))
	default:
		return nil
	}
}

// Ended waits until the process has ended and returns how: nil for status 0.
func (p *Process) Ended() error {
	<-p.done
	if p.err == nil {
		return nil
	}
	return p.Running()
}

// Freeze suspends the process, like a paused machine, until Thaw.
func (p *Process) Freeze() error { return p.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen process continue.
func (p *Process) Thaw() error { return p.Signal(syscall.SIGCONT) }

// Signal sends sig; it is no error if the process has ended.
func (p *Process) Signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", filepath.Base(p.cmd.Path), err)
	}
	return nil
}

// Kill ends the process like kill -9 and waits until it is gone.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks the process to end with sig, waits up to patience, then kills it. It returns an error
// if it had to be killed or ended with another status than 0.
func (p *Process) Stop(sig os.Signal, patience time.Duration) error {
	if err := p.Signal(sig); err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		p.Kill()
		return fmt.Errorf("%s did not end within %v of %v; the end of its log:\n%s", filepath.Base(p.cmd.Path), patience,
			sig, p.Tail(20))
	}
	if p.err != nil {
		return fmt.Errorf("%s ended with %w; the end of its log:\n%s", filepath.Base(p.cmd.Path), p.err, p.Tail(20))
	}
	return nil
}

// Log returns everything that the process has written to standard output and error.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Tail returns the last n lines of the log.
func (p *Process) Tail(n int) string {
	lines := strings.Split(strings.TrimRight(p.Log(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// PeakRSS returns the largest resident set so far, in bytes (VmHWM of /proc).
func (p *Process) PeakRSS() (int64, error) { return p.statusBytes("VmHWM:") }

// ResetPeakRSS makes PeakRSS start again from the present resident set (proc(5), clear_refs 5).
func (p *Process) ResetPeakRSS() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.PID()), []byte("5"), 0)
}

func (p *Process) statusBytes(key string) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), key); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")), 10, 64)
			return kb * 1024, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc/%d/status", key, p.PID())
}

// CPU is the processor time used so far, user and system, at the kernel's tick of 1/100 s.
func (p *Process) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0, err
	}
	// The second field, the program's name in parentheses, may hold spaces: fields are counted from behind it.
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields after the name, want 13 or more", p.PID(), len(f))
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}

// Root is the repository's root: the closest directory at or above the working directory that holds go.work.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.work")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("no go.work at or above %s: run inside a checkout", dir)
		}
	}
}

// LikeADX is the environment variable by which every localadx that a test runs takes over traits of
// Azure's service; see localadx --like-adx.
const LikeADX = "LOCALADX_LIKE_ADX"

var building sync.Mutex // go build of one package twice at once would write the same file

// Build builds services/<service> and returns the path of its binary. CALYPSO_BIN names a directory of
// ready binaries, which are then used as they are.
func Build(ctx context.Context, service string) (string, error) {
	if dir := os.Getenv("CALYPSO_BIN"); dir != "" {
		path := filepath.Join(dir, service)
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("CALYPSO_BIN is set but has no %s: %w", service, err)
		}
		return path, nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	building.Lock()
	defer building.Unlock()
	path := filepath.Join(root, ".tools", "test-bin", service)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("make a directory for binaries: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Dir(path)+"/", "./services/"+service+"/...")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build services/%s: %w\n%s", service, err, out)
	}
	return path, nil
}
