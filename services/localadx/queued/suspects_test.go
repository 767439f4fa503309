package queued

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv/reexec"
	"github.com/calypso-cdc/calypso/services/localadx/azstorage"
	"github.com/calypso-cdc/calypso/services/localadx/disk"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/source"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// service says what a process does.
type service struct {
	// Dir is its data directory.
	Dir string
	// Posts has it post requests first.
	Posts bool
	// Silent makes it end silently in place of a panic.
	Silent bool
}

var serviceProcess = reexec.New("queued", serve)

func TestMain(m *testing.M) {
	reexec.Run()
	os.Exit(m.Run())
}

// deadly downloads "1,x" from everywhere but blobs of the name deadly, whose download ends the process.
type deadly struct{ silent bool }

func (d deadly) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.Contains(r.URL.Path, "deadly") {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("1,x\n")), Request: r}, nil
	}
	if d.silent {
		os.Exit(137)
	}
	go func() { panic("a reader that nobody guards") }()
	select {}
}

// serve ingests what is in the queue and returns when nothing is left.
func serve(c service) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s, err := store.Open(ctx, store.Options{Dir: c.Dir, Disk: disk.NewGuard(c.Dir, 0), Log: log})
	if err != nil {
		return err
	}
	defer s.Close()
	opener := &source.Opener{Client: &http.Client{Transport: deadly{c.Silent}}}
	i, err := New(Config{Store: s, Loader: &source.Loader{Store: s}, Opener: opener, Dir: c.Dir,
		MaxBatchingTime: 10 * time.Millisecond, Log: log})
	if err != nil {
		return err
	}
	if c.Posts {
		if err := s.CreateDatabase(ctx, "db"); err != nil {
			return err
		}
		if err := s.ChangeDatabase(ctx, "db", func(c *store.Change) error {
			_, err := c.CreateTable("t", []kql.Column{{Name: "a", Type: value.Long}, {Name: "b", Type: value.String}})
			return err
		}); err != nil {
			return err
		}
		for n, name := range []string{"one", "deadly", "two"} {
			text := fmt.Sprintf(
				`{"Id":"%d","BlobPath":"http://elsewhere.example/%s.csv","DatabaseName":"db","TableName":"t","RawDataSize":4,"AdditionalProperties":{"format":"csv"}}`, n, name)
			if _, err := i.Enqueue(ctx, azstorage.IngestionQueue, text); err != nil {
				return err
			}
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx) }()
	for {
		left, err := s.Queues().Peek(ctx, azstorage.IngestionQueue, 10)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	return <-ended
}

func TestARequestThatEndsTheServiceIsSetAsideAndTheOthersOfItsBatchAreIngested(t *testing.T) {
	for name, c := range map[string]struct {
		silent bool
		ends   int
		says   string
	}{
		"by a panic": {false, maxCrashes,
			"ended the service 2 times, the last time with: panic: a reader that nobody guards"},
		"without words": {true, maxKills, "was killed 5 times while it read the source"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			run := func(posts bool) error {
				return serviceProcess.Start(t, service{dir, posts, c.silent}).Ends(t, time.Minute)
			}
			if run(true) == nil {
				t.Fatal("the service did not end of the request")
			}
			for n := 1; n < c.ends; n++ {
				if run(false) == nil {
					t.Fatalf("the request was set aside when it had ended the service %d times", n)
				}
			}
			if err := run(false); err != nil {
				t.Fatalf("the service ended of a request that ended it %d times before: %v", c.ends, err)
			}
			s, err := store.Open(t.Context(), store.Options{Dir: dir, Disk: disk.NewGuard(dir, 0), Log: slog.Default()})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			failures, err := s.Failures(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(failures) != 1 || !strings.HasSuffix(failures[0].SourcePath, "deadly.csv") ||
				failures[0].ErrorCode != "BadRequest_InvalidBlob" || !strings.Contains(failures[0].Details, c.says) {
				t.Errorf("the failures are %+v", failures)
			}
			var rows int
			if err := s.DB().QueryRow(fmt.Sprintf(`SELECT count(*) FROM "%s"."t"`, schemaOf(t, s))).Scan(&rows); err != nil ||
				rows != 2 {
				t.Errorf("%d rows of the other two requests were ingested, %v", rows, err)
			}
		})
	}
}

// schemaOf is the DuckDB schema that the test's table is in.
func schemaOf(t *testing.T, s *store.Store) string {
	t.Helper()
	var name string
	if err := s.DB().QueryRow("SELECT table_schema FROM information_schema.tables WHERE table_name = 't'").Scan(
		&name); err != nil {
		t.Fatal(err)
	}
	return name
}
