// Package install_test installs the commands as somebody without a checkout does: by go install,
// from the module's zip.
package install_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

const (
	product = "github.com/calypso-cdc/calypso"
	version = "v0.0.1"
)

// commands need no C compiler; localadx and calypso, which link DuckDB, do.
var commands = []string{
	"services/admin/cmd/admin", "services/admin/cmd/calypsoctl", "services/capture/cmd/capture",
	"services/orders-generator/cmd/orders-generator", "services/sink/cmd/sink",
}

func TestTheCommandsAreInstalledFromTheModuleAloneWithoutACCompiler(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it builds all commands")
	}
	root, err := testenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	proxy, bin := t.TempDir(), t.TempDir()
	publish(t, root, filepath.Join(proxy, filepath.FromSlash(product), "@v"))
	cache := output(t, root, "go", "env", "GOMODCACHE")
	args := []string{"install", "-trimpath"}
	for _, c := range commands {
		args = append(args, product+"/"+c+"@"+version)
	}
	install := exec.Command("go", args...)
	install.Dir = t.TempDir()
	install.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOBIN="+bin, "GOMODCACHE="+t.TempDir(),
		"GOSUMDB=off",         // what comes from the cache was compared with go.sum when it got there
		"GOFLAGS=-modcacherw", // so that the test can remove its cache
		"GOPROXY=file://"+proxy+",file://"+path.Join(cache, "cache", "download")+","+output(t, root, "go", "env", "GOPROXY"))
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	for _, c := range commands {
		out, err := exec.Command(filepath.Join(bin, path.Base(c)), "--help").CombinedOutput()
		if err != nil || !strings.Contains(string(out), path.Base(c)) {
			t.Errorf("%s --help: %v\n%s", path.Base(c), err, out)
		}
		for _, flag := range []string{"--version", "-version"} {
			out, err := exec.Command(filepath.Join(bin, path.Base(c)), flag).Output()
			if want := fmt.Sprintf("%s %s (commit unknown, go", path.Base(c), version); err != nil ||
				!strings.HasPrefix(string(out), want) {
				t.Errorf("%s %s: %v\n%s, want %s…", path.Base(c), flag, err, out, want)
			}
		}
	}
}

// publish puts the files that git tracks into a module proxy's directory, as a tag would.
func publish(t *testing.T, root, directory string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("left out: this is no checkout of git, which says what belongs to the module")
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	var files []zip.File
	for name := range strings.SplitSeq(output(t, root, "git", "ls-files", "-z", "--cached", "--others",
		"--exclude-standard"), "\x00") {
		if info, err := os.Lstat(filepath.Join(root, name)); name != "" && err == nil && info.Mode().IsRegular() &&
			!strings.HasPrefix(name, "tools/") {
			// tools is a module of its own
			files = append(files, file{root, name})
		}
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(directory, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := zip.Create(out, module.Version{Path: product, Version: version}, files); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{version + ".mod": string(mod),
		version + ".info": fmt.Sprintf(`{"Version":%q}`, version), "list": version + "\n"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// file is one of the repository's files by its path with slashes.
type file struct{ root, name string }

func (f file) Path() string                 { return f.name }
func (f file) Lstat() (os.FileInfo, error)  { return os.Lstat(filepath.Join(f.root, f.name)) }
func (f file) Open() (io.ReadCloser, error) { return os.Open(filepath.Join(f.root, f.name)) }

func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}
