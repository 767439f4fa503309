// Package web is the page that localadx shows a person: query editor, charts, schema tree,
// ingestion monitor and the dashboard of the orders use case. The page is built from src by the
// toolchain that package-lock.json pins (`make web`) and embedded, so it works offline; it asks
// localadx through the same endpoints as any other client, plus two of its own for the editor:
// local/vocabulary and local/check.
package web

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
)

//go:embed dist
var dist embed.FS

// Vocabulary holds the words that the editor offers as completions.
type Vocabulary struct {
	Operators  []string `json:"operators"`
	Functions  []string `json:"functions"`
	Aggregates []string `json:"aggregates"`
}

// Refusal is why a query would be refused, and where: Line from 1, Column from 0, as Kusto counts.
type Refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
}

// Language answers the editor's questions about KQL.
type Language interface {
	Vocabulary() Vocabulary
	// Check compiles a query against a database without running it; nil if it would run.
	Check(database, query string) []Refusal
}

// maxQuery bounds the text that local/check reads, in bytes.
const maxQuery = 1 << 20

// policy lets the page load only what is embedded; styles may be inline because the editor and charts set them.
const policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"

// Handler serves the page at /, its assets, and the editor's two endpoints.
func Handler(language Language) http.Handler {
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("web: the embedded folder dist is missing: " + err.Error()) // embed guarantees it
	}
	mux := http.NewServeMux()
	files := http.FileServerFS(root)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-cache") // a new binary has a new page under the same names
		files.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /local/vocabulary", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, language.Vocabulary())
	})
	mux.HandleFunc("POST /local/check", func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			DB  string `json:"db"`
			CSL string `json:"csl"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuery)).Decode(&request); err != nil {
			http.Error(w, `checking a query: the body must be JSON {"db":…,"csl":…} of at most 1 MiB: `+err.Error(),
				http.StatusBadRequest)
			return
		}
		refusals := language.Check(request.DB, request.CSL)
		if refusals == nil {
			refusals = []Refusal{}
		}
		answer(w, refusals)
	})
	return mux
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	// The status is already sent when writing fails; the client sees a cut body.
	_ = json.NewEncoder(w).Encode(body)
}
