package connectapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Each path and method there is, whoever adds one.
func TestEveryCallThatIsNoGETAsksWhetherItMayBeMade(t *testing.T) {
	refused := errors.New("who asks may not")
	asked := ""
	c := Config{Allow: func(_ context.Context, call string) error { asked = call; return refused }}
	changes := 0
	for _, route := range c.routes() {
		path := "/" + strings.Join(route.segments, "/")
		for method, answer := range route.methods {
			if method == http.MethodGet || strings.HasSuffix(path, "/fence") || path == "/connectors/{connector}/tasks" {
				continue // these two are between workers, and are refused whoever asks
			}
			changes++
			asked = ""
			_, err := answer(&request{Request: httptest.NewRequest(method, "/", nil), path: map[string]string{}})
			if !errors.Is(err, refused) || asked == "" {
				t.Errorf("%s %s is answered with %v without asking", method, path, err)
			}
		}
	}
	if changes < 10 {
		t.Errorf("only %d calls were tried", changes)
	}
}
