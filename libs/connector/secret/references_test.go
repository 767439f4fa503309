package secret

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/config"
)

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReferencesAreReplacedByWhatTheyReferTo(t *testing.T) {
	secrets := t.TempDir()
	properties := write(t, filepath.Join(secrets, "pg.properties"), "# comment\n! another\npassword = s3cret:with=signs \nuser:admin\nlong = a\\\n    b\nescaped\\ key=tab\\there\nempty\nwith\\:colon=c\n")
	write(t, filepath.Join(secrets, "pg_password"), "from file\n")
	references := References{Paths: []string{secrets}, Env: "PG_.*", LookupEnv: func(name string) (string, bool) {
		return "from env", name == "PG_PASSWORD"
	}}
	for given, want := range map[string]string{
		"plain":                                                   "plain",
		"${file:" + properties + ":user}":                         "admin",
		"${file:" + properties + ":password}":                     "s3cret:with=signs ",
		"${file:" + properties + ":long}":                         "ab",
		"${file:" + properties + ":escaped key}":                  "tab\there",
		"${file:" + properties + ":empty}":                        "",
		"${file:" + properties + ":with:colon}":                   "c",
		"${dir:" + secrets + ":pg_password}":                      "from file",
		"${env:PG_PASSWORD}":                                      "from env",
		"${env::PG_PASSWORD}":                                     "from env",
		"user=${file:" + properties + ":user} ${env:PG_PASSWORD}": "user=admin from env",
		"${unknown:x}":                                            "${unknown:x}",
		"${routing}":                                              "${routing}",
	} {
		resolved, problems := references.Resolve(map[string]string{"key": given})
		if len(problems) > 0 || resolved["key"] != want {
			t.Errorf("%s = %q, %v; want %q", given, resolved["key"], problems, want)
		}
	}
}

func TestNothingMayBeReferredToThatIsNotAllowed(t *testing.T) {
	allowed, outside := t.TempDir(), t.TempDir()
	secret := write(t, filepath.Join(outside, "secret"), "password=canary")
	write(t, filepath.Join(allowed+"-sibling", "secret"), "password=canary")
	t.Cleanup(func() { os.RemoveAll(allowed + "-sibling") })
	if err := os.Symlink(secret, filepath.Join(allowed, "link")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(allowed, "huge"), strings.Repeat("x", config.MaxFile+1))
	t.Setenv("CANARY", "canary")
	for name, references := range map[string]References{"allow-list": {Paths: []string{allowed}, Env: "PG_.*"}, "default": {}} {
		for _, given := range []string{
			"${file:" + secret + ":password}",
			"${file:" + allowed + "/link:password}",
			"${file:" + allowed + "/../" + filepath.Base(outside) + "/secret:password}",
			"${file:" + allowed + "-sibling/secret:password}",
			"${dir:" + outside + ":secret}", "${dir:" + allowed + ":../" + filepath.Base(outside) + "/secret}", "${dir:" + allowed + ":..}",
			"${file:/proc/self/environ:CANARY}", "${dir:/proc/self:environ}", "${file:relative:x}", "${file::x}", "${file:/x}", "${dir:}",
			"${env:CANARY}", "${env:PG_}CANARY", "${env:}", "${env:XPG_Y}", "${dir:" + allowed + ":huge}", "${file:" + allowed + ":x}",
		} {
			resolved, problems := references.Resolve(map[string]string{"key": given})
			if given == "${env:PG_}CANARY" {
				continue // allowed, but not set
			}
			if problems["key"] == nil || strings.Contains(resolved["key"], "canary") || strings.Contains(problems["key"].Error(), "canary") {
				t.Errorf("%s: %s gave %.40q, %v", name, given, resolved["key"], problems)
			}
		}
	}
}

func TestLinksWithinAnAllowedDirectoryAreFollowed(t *testing.T) {
	mount := t.TempDir() // as Kubernetes mounts secrets
	write(t, filepath.Join(mount, "..2026", "password"), "right")
	if err := os.Symlink("..2026", filepath.Join(mount, "..data")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..data/password", filepath.Join(mount, "password")); err != nil {
		t.Fatal(err)
	}
	resolved, problems := References{Paths: []string{mount}}.Resolve(map[string]string{"key": "${dir:" + mount + ":password}"})
	if resolved["key"] != "right" {
		t.Errorf("%q, %v", resolved["key"], problems)
	}
}
