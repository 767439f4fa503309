package secret

import (
	"maps"
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
	properties := write(t, filepath.Join(secrets, "pg.properties"),
		"# comment\n! another\npassword = s3cret:with=signs \nuser:admin\nlong = a\\\n    b\nescaped\\ key=tab\\there\nempty\nwith\\:colon=c\n")
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
		resolved, _, problems := references.Resolve(map[string]string{"key": given})
		if len(problems) > 0 || resolved["key"] != want {
			t.Errorf("%s = %q, %v; want %q", given, resolved["key"], problems, want)
		}
	}
}

// What java.util.Properties of Java 17 makes of the same texts.
func TestPropertiesAreReadAsByJava(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"a=caf\\u00e9\\u0021":  {"a": "café!"},
		"a=\\uD83D\\uDCA5!":    {"a": "💥!"},
		"a\\u0020b=c":          {"a b": "c"},
		"a=\\u0020\\u003d":     {"a": " ="},
		"a=1\rb=2\r\nc=3":      {"a": "1", "b": "2", "c": "3"},
		"a=1\\\r\n   2":        {"a": "12"},
		"a=1\\\n\nb=2":         {"a": "1", "b": "2"},
		"a=1\\\n#b=2":          {"a": "1#b=2"},
		"\\\n#b=2\nc=3":        {"c": "3"},
		"a=abc\\":              {"a": "abc"},
		"a=c:\\\\dir\\\\\nb=2": {"a": "c:\\dir\\", "b": "2"},
		"a=\\q\\:\\=":          {"a": "q:="},
		" \t\fa \t=\f b ":      {"a": "b "},
		"a":                    {"a": ""},
		"=x":                   {"": "x"},
		"a==b":                 {"a": "=b"},
		"a b=c":                {"a": "b=c"},
		"a=1\na=2":             {"a": "2"},
	} {
		got, err := parseProperties(text)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, malformed := range []string{`a=\u00e`, `a=\u`, `a=\u00g0`, `\u12=x`, `a=\u+123`} {
		if got, err := parseProperties(malformed); err == nil {
			t.Errorf("%q: %q, want an error", malformed, got)
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
	for name, references := range map[string]References{"allow-list": {Paths: []string{allowed}, Env: "PG_.*"},
		"default": {}} {
		for _, given := range []string{
			"${file:" + secret + ":password}",
			"${file:" + allowed + "/link:password}",
			"${file:" + allowed + "/../" + filepath.Base(outside) + "/secret:password}",
			"${file:" + allowed + "-sibling/secret:password}",
			"${dir:" + outside + ":secret}", "${dir:" + allowed + ":../" + filepath.Base(outside) + "/secret}",
			"${dir:" + allowed + ":..}",
			"${file:/proc/self/environ:CANARY}", "${dir:/proc/self:environ}", "${file:relative:x}", "${file::x}",
			"${file:/x}", "${dir:}",
			"${env:CANARY}", "${env:PG_}CANARY", "${env:}", "${env:XPG_Y}", "${dir:" + allowed + ":huge}",
			"${file:" + allowed + ":x}",
		} {
			resolved, _, problems := references.Resolve(map[string]string{"key": given})
			if given == "${env:PG_}CANARY" {
				continue // allowed, but not set
			}
			if problems["key"] == nil || strings.Contains(resolved["key"], "canary") ||
				strings.Contains(problems["key"].Error(), "canary") {
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
	resolved, _, problems := References{Paths: []string{mount}}.Resolve(map[string]string{"key": "${dir:" +
		mount + ":password}"})
	if resolved["key"] != "right" {
		t.Errorf("%q, %v", resolved["key"], problems)
	}
}
