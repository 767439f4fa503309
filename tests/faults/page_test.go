package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

// page is admin's page in a Chromium, which Node drives. It is nil where they are missing.
type page struct {
	mu      sync.Mutex // guards all below: one view is read at a time
	paths   io.WriteCloser
	answers *bufio.Reader
}

// newPage opens the page of an admin. Its overview stays open until the test ends.
func newPage(t *testing.T, admin string) *page {
	t.Helper()
	root, err := testenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	web := filepath.Join(root, "services", "admin", "web")
	chromium, err := exec.LookPath("chromium")
	node, missing := exec.LookPath("node")
	if _, installed := os.Stat(filepath.Join(web, "node_modules", "playwright-core")); err != nil || missing != nil ||
		installed != nil {
		t.Log("the page is not looked at: that needs Node, Chromium, and npm ci in services/admin/web (make ui-test does that)")
		return nil
	}
	command := exec.CommandContext(t.Context(), node, "test/read.mjs", "http://"+admin, chromium)
	command.Dir, command.Stderr = web, t.Output()
	paths, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		paths.Close()
		_ = command.Wait() // the test's end may have killed it
	})
	return &page{paths: paths, answers: bufio.NewReader(answers)}
}

// shows says which of some texts a view does not show. Spaces and figures, which change meanwhile, do not count.
func (p *page) shows(view string, texts ...string) error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := fmt.Fprintln(p.paths, view); err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	line, err := p.answers.ReadBytes('\n')
	var shown string
	if err == nil {
		err = json.Unmarshal(line, &shown)
	}
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	words := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) || unicode.IsDigit(r) {
				return -1
			}
			return r
		}, s)
	}
	for _, text := range texts {
		if !strings.Contains(words(shown), words(text)) {
			return fmt.Errorf("the page's view %q does not show %q:\n%s", view, text, shown)
		}
	}
	return nil
}
