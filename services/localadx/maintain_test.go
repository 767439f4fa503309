package localadx

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/contain"
)

func TestAPanicInTheMaintenanceIsAnErrorOfItsStep(t *testing.T) {
	var log bytes.Buffer
	s, err := New(t.Context(), Config{HTTPAddr: "localhost:0", HTTPSAddr: "localhost:0", DataDir: t.TempDir(),
		Databases: []string{"shop"}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, step := range []string{"apply retention policies", "remove old reports", "remove abandoned blobs"} {
		log.Reset()
		end := contain.Inject(step)
		s.tidy(t.Context())
		end()
		if !strings.Contains(log.String(), step+" panicked") {
			t.Errorf("a panic of what is to %s is not in the log: %s", step, &log)
		}
	}
	log.Reset()
	s.tidy(t.Context())
	if log.Len() > 0 {
		t.Errorf("the next round fails: %s", &log)
	}
}
