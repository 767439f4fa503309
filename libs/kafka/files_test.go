package kafka

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestOnlyRegularFilesOfTheSettingsAreRead(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 10<<30); err != nil {
		t.Fatal(err)
	}
	// Each setting that names a file, and what reads it.
	options := func(c Config) error { _, err := c.Options("test", nil); return err }
	read := map[string]func(path string) error{
		"CAFile":    func(path string) error { return options(Config{CAFile: path}) },
		"CertFile":  func(path string) error { return options(Config{CertFile: path, KeyFile: path}) },
		"KeyFile":   func(path string) error { return options(Config{CertFile: path, KeyFile: path}) },
		"TokenFile": func(path string) error { _, err := Config{TokenFile: path}.tokens()(t.Context()); return err },
	}
	for field := range reflect.TypeFor[Config]().Fields() {
		if !strings.HasSuffix(field.Name, "File") {
			continue
		}
		if read[field.Name] == nil {
			t.Errorf("the test does not know what reads %s", field.Name)
			continue
		}
		for path, says := range map[string]string{"/dev/zero": "regular", dir: "regular", large: "larger"} {
			if err := read[field.Name](path); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s=%s: %v", field.Name, path, err)
			}
		}
	}
}
