package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/testenv/page"
)

type language struct{}

func (language) Vocabulary() Vocabulary { return Vocabulary{Operators: []string{"where"}} }

func (language) Check(database, query string) []Refusal {
	if strings.Contains(query, "wrong") {
		return []Refusal{{Code: "SEM0100", Message: "no such column in " + database, Line: 1, Column: 7}}
	}
	return nil
}

func ask(t *testing.T, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(language{}).ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func TestThePageAndEveryAssetItNamesAreEmbedded(t *testing.T) {
	page := ask(t, http.MethodGet, "/", "")
	if page.Code != http.StatusOK {
		t.Fatalf("GET / = %d, want 200", page.Code)
	}
	assets := regexp.MustCompile(`(?:src|href)="\./([^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1)
	if len(assets) < 2 {
		t.Fatalf("the page names %d assets, want a script and a style sheet", len(assets))
	}
	for _, asset := range assets {
		if got := ask(t, http.MethodGet, "/"+asset[1], ""); got.Code != http.StatusOK || got.Body.Len() == 0 {
			t.Errorf("GET /%s = %d with %d bytes", asset[1], got.Code, got.Body.Len())
		}
	}
}

func TestTheEmbeddedPageIsBuiltFromTheSources(t *testing.T) { page.IsBuiltFromItsSources(t) }

func TestThePageForbidsContentFromElsewhere(t *testing.T) {
	got := ask(t, http.MethodGet, "/", "").Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(got, "default-src 'self'") {
		t.Errorf("Content-Security-Policy = %q", got)
	}
}

func TestTheEditorLearnsWhereAQueryIsWrong(t *testing.T) {
	got := ask(t, http.MethodPost, "/local/check", `{"db":"demo","csl":"Orders | wrong"}`).Body.String()
	want := `[{"code":"SEM0100","message":"no such column in demo","line":1,"column":7}]`
	if strings.TrimSpace(got) != want {
		t.Errorf("check = %s, want %s", got, want)
	}
	if got := ask(t, http.MethodPost, "/local/check",
		`{"db":"demo","csl":"Orders"}`).Body.String(); strings.TrimSpace(got) != "[]" {
		t.Errorf("check of a good query = %s, want []", got)
	}
}

func TestACheckWithoutJSONIsRefused(t *testing.T) {
	if got := ask(t, http.MethodPost, "/local/check", "Orders").Code; got != http.StatusBadRequest {
		t.Errorf("status = %d, want 400", got)
	}
}
