package admin

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

func TestAWatchEndsSoonAfterItsUserWasRemovedOrHasAnotherPasswordOrRole(t *testing.T) {
	for name, change := range map[string]func(line string) string{
		"removed":          func(string) string { return "" },
		"another role":     func(line string) string { return strings.Replace(line, ":viewer:", ":operator:", 1) },
		"another password": func(string) string { return "viewer-1:viewer:" + string(nobody) + "\n" },
	} {
		t.Run(name, func(t *testing.T) {
			users := usersFile(t)
			s := start(t, func(c *Config) { c.UsersFile = users })
			ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "authorization",
				"Bearer viewer-1:viewer-pw"), 2*time.Minute)
			defer cancel()
			pipelines, err := adminv1.NewAdminServiceClient(s.connection).WatchPipelines(ctx,
				&adminv1.WatchPipelinesRequest{})
			if err == nil {
				_, err = pipelines.Recv()
			}
			if err != nil {
				t.Fatal(err)
			}
			connectors, err := s.connectors().WatchConnectors(ctx, &connectorv1.WatchConnectorsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.http+"/v1/pipelines:watch?view=PIPELINE_VIEW_BASIC", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("viewer-1", "viewer-pw")
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			lines, err := client.Do(r)
			if err != nil || lines.StatusCode != http.StatusOK {
				t.Fatal(lines, err)
			}
			defer lines.Body.Close()
			read := bufio.NewReader(lines.Body)
			if line, err := read.ReadString('\n'); err != nil {
				t.Fatal(line, err)
			}

			content, err := os.ReadFile(users)
			if err != nil {
				t.Fatal(err)
			}
			var changed strings.Builder
			for line := range strings.Lines(string(content)) {
				if strings.HasPrefix(line, "viewer-1:") {
					line = change(line)
				}
				changed.WriteString(line)
			}
			if err := os.WriteFile(users, []byte(changed.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			// A file that is written twice within its clock's step looks the same.
			later := time.Now().Add(time.Second)
			if err := os.Chtimes(users, later, later); err != nil {
				t.Fatal(err)
			}
			for err = nil; err == nil; {
				_, err = pipelines.Recv()
			}
			if status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "since this call began") {
				t.Errorf("the watch of pipelines ends with %v", err)
			}
			for err = nil; err == nil; {
				_, err = connectors.Recv()
			}
			if status.Code(err) != codes.Unauthenticated {
				t.Errorf("the watch of connectors ends with %v", err)
			}
			for err = nil; err == nil; {
				_, err = read.ReadString('\n')
			}
			if ctx.Err() != nil {
				t.Error("the watch over HTTP does not end")
			}
		})
	}
}
