package kusto

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestAnEndlessAnswerIsNotReadWithoutEnd(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, err := io.WriteString(w, `{"Tables":[{"Columns":[{"ColumnName":"`)
		for block := strings.Repeat("x", 64<<10); err == nil; {
			_, err = io.WriteString(w, block)
		}
	}))
	defer server.Close()
	endpoints, err := DeriveEndpoints(server.URL, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Endpoints: endpoints})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = c.Manage(ctx, "db", ".show tables")
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "has more than 1048576 bytes") {
		t.Error(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
		t.Errorf("it took %d bytes", took)
	}
}

// endless has no end.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) { e.read += int64(len(p)); return len(p), nil }
func (e *endless) Close() error               { return nil }

func TestAResultMayBeLargerThanOtherAnswersAndHasABoundToo(t *testing.T) {
	for path, most := range map[string]int64{"/v1/rest/mgmt": mostResult, "/v2/rest/query": mostResult,
		"/v1/rest/auth/metadata": mostAnswer, "/tenant/oauth2/v2.0/token": mostAnswer, "/queue/messages": mostAnswer} {
		for _, length := range []int64{most, most + 1} {
			request, err := http.NewRequest(http.MethodGet, "https://x.kusto.windows.net"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			body := &endless{}
			answer := bounded(request, &http.Response{Body: struct {
				io.Reader
				io.Closer
			}{io.LimitReader(body, length), body}})
			n, err := io.Copy(io.Discard, answer.Body)
			if (err != nil) != (length > most) || body.read > most+1 || err == nil && n != length {
				t.Errorf("%s of %d bytes: %d are read, %v", path, length, n, err)
			}
		}
	}
}

func TestAnAnswerThatIsNoneOfTheServicesIsAnErrorOfAFewWords(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		body, says string
	}{
		"rows without columns": {200, `{"Tables":[{"TableName":"T","Columns":null,"Rows":[[null,null],[]]}]}`, "is not Azure Data Explorer"},
		"a long page":          {500, "<html>" + strings.Repeat("x", 5<<20), "500"},
		"a long line":          {400, strings.Repeat("[", 5<<20), "400"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if strings.HasSuffix(r.URL.Path, "/auth/metadata") {
					_, _ = io.WriteString(w, "{}")
					return
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			endpoints, err := DeriveEndpoints(server.URL, server.URL)
			if err != nil {
				t.Fatal(err)
			}
			client, err := New(Config{Endpoints: endpoints})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			_, asked := client.Query(t.Context(), "db", "T")
			_, err = client.Manage(t.Context(), "db", ".show tables")
			for _, err := range []error{asked, err} {
				if err == nil || len(err.Error()) > 2*maxErrorBody {
					t.Errorf("%d bytes: %.300v", len(fmt.Sprint(err)), err)
				}
			}
			if !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("%.300v, want %q", err, c.says)
			}
		})
	}
}
