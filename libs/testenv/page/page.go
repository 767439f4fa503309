// Package page tells whether a web page that is committed as it was built is that of its sources.
package page

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// IsBuiltFromItsSources fails the test where dist, in the directory of the test's package, is older than
// what the page is built from there: tools/stamp.mjs leaves the hash of that in dist.
func IsBuiltFromItsSources(t testing.TB) {
	t.Helper()
	sources, err := filepath.Glob("src/*")
	if err != nil {
		t.Fatal(err)
	}
	sources = append(sources, "index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts")
	slices.Sort(sources)
	hash := sha256.New()
	for _, path := range sources {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(hash, "%s\x00%s\x00", path, text)
	}
	stamp, err := os.ReadFile("dist/sources.sha256")
	if err != nil || strings.TrimSpace(string(stamp)) != hex.EncodeToString(hash.Sum(nil)) {
		t.Error("the page in dist is older than its sources: run make web and commit the result")
	}
}
