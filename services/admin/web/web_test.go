package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/testenv/page"
	"github.com/calypso-cdc/calypso/services/admin/web"
)

func ask(t *testing.T, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	web.Handler().ServeHTTP(w, r)
	return w
}

var asset = regexp.MustCompile(`(?:src|href)="(/ui/[^"]+)"`)

func TestThePageAndEveryFileItNamesAreEmbedded(t *testing.T) {
	page := ask(t, "/").Body.String()
	files := asset.FindAllStringSubmatch(page, -1)
	if len(files) < 3 {
		t.Fatalf("the page names %d files, want a script, a style sheet and an icon:\n%s", len(files), page)
	}
	for _, f := range files {
		got := ask(t, f[1])
		if got.Code != http.StatusOK || got.Body.Len() == 0 {
			t.Errorf("GET %s = %d with %d bytes", f[1], got.Code, got.Body.Len())
		}
		if keep := got.Header().Get("Cache-Control"); !strings.Contains(keep, "immutable") {
			t.Errorf("GET %s says Cache-Control: %s, want immutable: its name has a hash", f[1], keep)
		}
	}
}

func TestEveryPathOfTheViewsIsThePage(t *testing.T) {
	page := ask(t, "/").Body.String()
	for _, path := range []string{"/ui/", "/ui/pipelines", "/ui/pipelines/pg-orders-source/tables/retail.orders", "/ui/new"} {
		if got := ask(t, path); got.Code != http.StatusOK || got.Body.String() != page {
			t.Errorf("GET %s = %d, want the page", path, got.Code)
		}
	}
	if got := ask(t, "/ui/assets/index-00000000.js"); got.Code != http.StatusNotFound {
		t.Errorf("GET of a file of another version = %d, want 404", got.Code)
	}
}

func TestAFileComesCompressedToThoseWhoTakeIt(t *testing.T) {
	plain := ask(t, "/ui/").Body.String()
	got := ask(t, "/ui/", "Accept-Encoding", "br, gzip")
	if got.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("Content-Encoding = %q", got.Header().Get("Content-Encoding"))
	}
	z, err := gzip.NewReader(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || string(text) != plain {
		t.Errorf("the compressed page is another: %v", err)
	}
}

func TestTheFirstViewIsSmall(t *testing.T) {
	var raw, zipped int
	for _, path := range append([]string{"/ui/"}, firsts(t)...) {
		raw += ask(t, path).Body.Len()
		zipped += ask(t, path, "Accept-Encoding", "gzip").Body.Len()
	}
	if raw > 200_000 || zipped > 70_000 {
		t.Errorf("the first view is %d bytes, %d compressed; want 200,000 and 70,000 at most", raw, zipped)
	}
}

func firsts(t *testing.T) (paths []string) {
	for _, f := range asset.FindAllStringSubmatch(ask(t, "/").Body.String(), -1) {
		paths = append(paths, f[1])
	}
	return paths
}

func TestThePageMayLoadNothingFromElsewhereAndNoInlineCode(t *testing.T) {
	policy := ask(t, "/ui/").Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'self'; frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("Content-Security-Policy = %q", policy)
	}
}

func TestTheEmbeddedPageIsBuiltFromTheSources(t *testing.T) { page.IsBuiltFromItsSources(t) }
