package kusto

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/calypso-cdc/calypso/libs/config"
)

// hostileFiles are what a setting may name instead of a file, with what is said of each.
func hostileFiles(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(file("sparse"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{dir: "regular", file("sparse"): "larger than", file("none"): "no such file"}
	for name, target := range map[string]string{"zero": "/dev/zero", "loop": file("loop"), "folder": dir} {
		if err := os.Symlink(target, file(name)); err != nil {
			t.Fatal(err)
		}
		files[file(name)] = map[string]string{"zero": "regular", "loop": "too many", "folder": "regular"}[name]
	}
	if err := os.Truncate(file("sparse"), 10<<30); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(file("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	files[file("pipe")] = "regular"
	return files
}

func TestEachFileOfTheSettingsIsReadWithinBounds(t *testing.T) {
	var fields []string
	for _, of := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[Auth]()} {
		for field := range of.Fields() {
			if strings.HasSuffix(field.Name, "File") && field.Type.Kind() == reflect.String {
				fields = append(fields, field.Name)
			}
		}
	}
	if len(fields) < 3 {
		t.Fatalf("only %v name files", fields)
	}
	for path, says := range hostileFiles(t) {
		for _, name := range fields {
			refused := false
			for _, strategy := range Strategies() {
				endpoint := "https://x.kusto.windows.net"
				cfg := Config{Endpoints: Endpoints{Query: endpoint, Ingest: endpoint}, Auth: Auth{Strategy: Strategy(strategy), AppID: "a", Authority: "t", AccessToken: "x"}}
				if strategy == string(Application) && name != "CertificateFile" {
					cfg.Auth.AppKey = "k"
				}
				field := reflect.ValueOf(&cfg).Elem().FieldByName(name)
				if !field.IsValid() {
					field = reflect.ValueOf(&cfg.Auth).Elem().FieldByName(name)
				}
				field.SetString(path)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := New(cfg)
				runtime.ReadMemStats(&after)
				if err != nil && strings.Contains(err.Error(), says) {
					refused = true
				}
				if took := after.TotalAlloc - before.TotalAlloc; took > 16*config.MaxFile {
					t.Errorf("%s=%s took %d bytes", name, filepath.Base(path), took)
				}
			}
			if !refused {
				t.Errorf("%s=%s is refused with no strategy for what it is (%s)", name, filepath.Base(path), says)
			}
		}
	}
}
