package admin

import (
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	tablev1 "github.com/calypso-cdc/calypso/gen/calypso/table/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// comparables is a fleet's tables shop.public.<name> without rows; a question for one called broken
// fails, and the stream with it.
type comparables struct {
	tablev1.UnimplementedTableServiceServer
	names []string
}

func (c comparables) ReadTables(stream grpc.BidiStreamingServer[tablev1.ReadTablesRequest,
	tablev1.ReadTablesResponse]) error {
	for {
		q, err := stream.Recv()
		if err != nil {
			return nil
		}
		answer := &tablev1.ReadTablesResponse{}
		switch {
		case q.GetOpen() != nil:
			opened := &tablev1.OpenResult{}
			for _, name := range c.names {
				opened.Tables = append(opened.Tables, &tablev1.Table{Name: "public." + name, Topic: "shop.public." + name,
					Key:     []string{"id"},
					Columns: []*tablev1.TableColumn{{Name: "id", Type: "int", Field: "id", Encoding: "integer"}}})
			}
			answer.Response = &tablev1.ReadTablesResponse_Open{Open: opened}
		case q.GetExtent() != nil && q.GetExtent().Selection.Table == "public.broken":
			return rpc.Error(codes.FailedPrecondition, "TABLES_UNREADABLE", "permission denied for table broken")
		case q.GetExtent() != nil:
			answer.Response = &tablev1.ReadTablesResponse_Extent{Extent: &tablev1.ExtentResult{}}
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

func TestATableThatCannotBeReadDoesNotEndTheComparisonOfTheOthers(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "adx", "test.SinkConnector", map[string]string{"topics": "shop.public.a,shop.public.broken,shop.public.z"})
	out, code := s.ctl(t, "", "verify", "src", "-o", "json")
	if code != 2 {
		t.Errorf("the exit status is %d, want 2", code)
	}
	found := map[string]string{}
	for line := range strings.Lines(out) {
		for _, name := range []string{"public.a", "public.broken", "public.z"} {
			if strings.Contains(line, `"table"`) && strings.Contains(line, `"`+name+`"`) && strings.Contains(line, `"sink"`) &&
				!strings.Contains(line, `"progress"`) {
				found[name] = line
			}
		}
	}
	if len(found) != 3 || !strings.Contains(found["public.broken"], "permission denied for table broken") ||
		strings.Contains(found["public.a"]+found["public.z"], "failure") ||
		!strings.Contains(out, "1 of 3 tables could not be compared") {
		t.Errorf("verify says\n%s", out)
	}
}

func TestATableThatNobodyReadsFailsAComparisonOnlyIfItIsNamed(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "adx", "test.SinkConnector", map[string]string{"topics": "shop.public.a"})
	if out, code := s.ctl(t, "", "verify", "src"); code != 0 ||
		!strings.Contains(out, "1 table is equal to its copy; 2 tables have no copy, since no sink that was looked at reads "+
			"their topics: public.broken, public.z") {
		t.Errorf("verify exits with %d and says\n%s", code, out)
	}
	if out, code := s.ctl(t, "", "verify", "src", "--table", "public.z"); code != 2 ||
		!strings.Contains(out, "public.z could not be compared") || !strings.Contains(out, "shop.public.z") {
		t.Errorf("verify of the table exits with %d and says\n%s", code, out)
	}
}
