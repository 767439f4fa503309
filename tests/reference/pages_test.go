package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages are the repository's pages for users, by path, with the lines that a shell continues joined.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, root := range []string{"README.md", "docs", "deploy", "examples"} {
		err := filepath.WalkDir(filepath.Join("..", "..", root), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".md") {
				return err
			}
			text, err := os.ReadFile(path)
			found[path] = strings.ReplaceAll(string(text), "\\\n", " ")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func TestTheREADMENamesTheDatabasesThatThereAre(t *testing.T) {
	readme := pages(t)[filepath.Join("..", "..", "README.md")]
	for path, c := range map[string]struct{ declares, said string }{
		"docker-compose.yaml":          {`LOCALADX_DATABASE: \$\{ADX_DATABASE:-(\w+)\}`, "its database is `%s` under compose"},
		"services/calypso/settings.go": {`name:"adx-database" default:"(\w+)"`, "`%s` under `make demo`"},
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", path))
		if err != nil {
			t.Fatal(err)
		}
		declared := regexp.MustCompile(c.declares).FindSubmatch(text)
		if declared == nil || !strings.Contains(readme, fmt.Sprintf(c.said, declared[1])) {
			t.Errorf("the README does not have the database of %s: %s", path, declared)
		}
	}
}

// Admin and the workers read no body that does not say what it is; localadx takes JSON from anybody, as Azure does.
func TestEveryCurlOfThePagesThatSendsABodySaysThatItIsJSON(t *testing.T) {
	sends := 0
	for path, text := range pages(t) {
		for line := range strings.Lines(text) {
			_, call, found := strings.Cut(line, "curl ")
			if !found || strings.Contains(line, "grpcurl") || !strings.Contains(call, " -d ") && !strings.Contains(call, " --data ") ||
				strings.Contains(call, "/v1/rest/") || strings.Contains(call, "/v2/rest/") {
				continue
			}
			sends++
			if !strings.Contains(call, "Content-Type: application/json") {
				t.Errorf("%s: curl %s", path, call)
			}
		}
	}
	if sends < 8 {
		t.Errorf("only %d such lines were found", sends)
	}
}
