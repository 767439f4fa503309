package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/calypso-cdc/calypso/libs/config"
)

func TestOnlyARegularFileOfOneMegabyteIsRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, size int) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, bytes.Repeat([]byte("x"), size), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fits, link := write("fits", config.MaxFile), filepath.Join(dir, "link")
	if err := os.Symlink(fits, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fits, link} {
		if content, err := config.ReadFile(path); err != nil || len(content) != config.MaxFile {
			t.Errorf("%d bytes of %s: %v", len(content), path, err)
		}
	}
	pipe := filepath.Join(dir, "pipe")
	if runtime.GOOS != "windows" {
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		write("large", config.MaxFile+1): "larger", "/dev/zero": "regular", pipe: "regular", dir: "regular",
		filepath.Join(dir, "none"): "no such file",
	} {
		if content, err := config.ReadFile(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %d bytes and error %v, want one with %q", path, len(content), err, want)
		}
		if _, err := config.ReadKeyPair(path, path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s as a key gives %v, want an error with %q", path, err, want)
		}
	}
}
