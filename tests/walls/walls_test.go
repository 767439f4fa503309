package walls

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The limits of the house. Above them are only the packages and types named below, which may shrink and not grow.
const (
	filesInAKnot    = 8
	methodsOfAType  = 25
	fieldsOfAStruct = 20
)

const module = "github.com/calypso-cdc/calypso/"

// Capture and sink, which carry the data, are held to smaller rooms.
var knotsOf = map[string]int{"services/capture": 6, "services/sink": 6}

// larger gives what exceeds a limit its own. An entry that is not needed any longer fails the test until it is removed.
var larger = map[string]int{
	// Configuration: a field is a key, a flag, or what is known of a key.
	"fields of libs/debezium.Config":                36,
	"fields of libs/connector/catalogue.Key":        25,
	"fields of services/calypso.Settings":           29,
	"fields of services/capture/internal/poll.spec": 21,
	"fields of services/localadx.Config":            21,
	"fields of services/sink/internal/spec.Spec":    35,
}

func TestPackagesAreRoomsOfAFewFilesThatKnowEachOther(t *testing.T) {
	within := limits{t, map[string]bool{}}
	for _, room := range rooms(t) {
		limit := filesInAKnot
		for service, own := range knotsOf {
			if room.Dir == service || strings.HasPrefix(room.Dir, service+"/") {
				limit = own
			}
		}
		within.hold("knot of "+room.Dir, len(room.Knot), limit, strings.Join(room.Knot, " "))
		for name, methods := range room.Methods {
			within.hold("methods of "+room.Dir+"."+name, methods, methodsOfAType, "")
		}
		for name, fields := range room.Fields {
			within.hold("fields of "+room.Dir+"."+name, fields, fieldsOfAStruct, "")
		}
	}
	for of := range larger {
		if !within.used[of] {
			t.Errorf("%s is within the limit: remove it from those that are larger", of)
		}
	}
}

// two may choose by a boolean parameter: it is a setting, which all that call have as one.
var two = map[string]bool{"libs/banner.GRPC": true}

func TestNoBooleanParameterMakesOneFunctionTwo(t *testing.T) {
	found := map[string]bool{}
	for _, room := range rooms(t) {
		for _, name := range room.Two {
			of := room.Dir + "." + name
			found[of] = true
			if !two[of] {
				t.Errorf("%s: a boolean parameter chooses what it does: make two functions of it", of)
			}
		}
	}
	for of := range two {
		if !found[of] {
			t.Errorf("%s is one function: remove it from those that may be two", of)
		}
	}
}

// embedding may be of owners, each for the reason given.
var embedding = map[string]string{
	"libs/connector/api.Server":              "the contract is one service, whose calls several parts answer",
	"services/capture/internal/poll.reading": "a configuration on its way, whose fields catalogue.Fill finds by reflection",
	"services/capture/internal/spec.reading": "a configuration on its way, whose fields catalogue.Fill finds by reflection",
	"services/sink/internal/spec.reading":    "a configuration on its way, whose fields catalogue.Fill finds by reflection",
}

// Who embeds an owner has all its fields and methods as if they were its own, and hides the names
// that it declares itself: nobody sees any longer who holds what. Values that own nothing, types of
// other modules and interfaces may be embedded.
func TestNobodyEmbedsAnOwner(t *testing.T) {
	owners, structs := map[string]bool{}, map[string]bool{}
	for _, room := range rooms(t) {
		for name := range room.Fields {
			structs[room.Dir+"."+name] = true
		}
		for name := range room.Owners {
			owners[room.Dir+"."+name] = true
		}
	}
	found := map[string]bool{}
	for _, room := range rooms(t) {
		for _, e := range room.Embeds {
			of := room.Dir + "." + e.Type
			if e.Package != "" {
				below, ours := strings.CutPrefix(e.Package, module)
				if !ours {
					continue
				}
				of = below + "." + e.Type
			}
			if !structs[of] || !owners[of] && !e.Pointer {
				continue
			}
			in := room.Dir + "." + e.Struct
			found[in] = true
			if embedding[in] == "" {
				t.Errorf("%s embeds %s: give the field a name", in, of)
			}
		}
	}
	for in := range embedding {
		if !found[in] {
			t.Errorf("%s embeds no owner: remove it from those that may", in)
		}
	}
}

// limits notes which exceptions were needed.
type limits struct {
	t    *testing.T
	used map[string]bool
}

func (l limits) hold(what string, is, limit int, detail string) {
	if is <= limit {
		return
	}
	own, ok := larger[what]
	l.used[what] = true
	switch {
	case !ok:
		l.t.Errorf("%s: %d, at most %d: divide it along what changes together %s", what, is, limit, detail)
	case is > own:
		l.t.Errorf("%s grew from %d to %d %s", what, own, is, detail)
	case is < own:
		l.t.Errorf("%s shrank from %d to %d: note it, so that it does not grow again", what, own, is)
	}
}

// mayNot says who must not import what, and why; both are beginnings of paths below the module's.
var mayNot = []struct{ who, what, why string }{
	{"libs/", "services/", "a library does not know the services that use it"},
	{"libs/", "tests/", "a library does not know the tests"},
	{"libs/pgmodel", "libs/", "PostgreSQL's relation model is below all that use it"},
	{"libs/pgrepl", "libs/debezium", "replication is read whatever becomes of it"},
	{"libs/pgrepl", "libs/record", "replication is read whatever becomes of it"},
	{"libs/pgrepl", "libs/transform", "replication is read whatever becomes of it"},
	{"libs/pgrepl", "libs/kafka", "replication is read whatever becomes of it"},
	{"libs/record", "libs/transform", "transforms work on records, which do not know them"},
	{"libs/record", "libs/debezium", "Kafka Connect's data model knows none of its users"},
	{"libs/record", "libs/pg", "Kafka Connect's data model knows none of its users"},
	{"libs/transform", "libs/debezium", "transforms work on records, whoever wrote them"},
	{"libs/transform", "libs/pg", "transforms work on records, whoever wrote them"},
	{"libs/debezium", "libs/pgrepl", "events are written of rows, whoever read them"},
	{"services/localadx", "gen/", "localadx stands for Azure Data Explorer: it must not share Calypso's assumptions"},
	{"services/localadx", "libs/debezium",
		"localadx stands for Azure Data Explorer: it must not share Calypso's assumptions"},
	{"services/localadx", "libs/connect",
		"localadx stands for Azure Data Explorer: it must not share Calypso's assumptions"},
	{"services/localadx", "libs/digest",
		"localadx stands for Azure Data Explorer: it must not share Calypso's assumptions"},
	{"services/localadx", "libs/kafka",
		"localadx stands for Azure Data Explorer: it must not share Calypso's assumptions"},
	{"services/localadx", "libs/kusto",
		"localadx stands for Azure Data Explorer: it must not share Calypso's assumptions"},
	{"services/localadx", "libs/pgmodel",
		"localadx stands for Azure Data Explorer: it must not share Calypso's assumptions"},
	{"services/localadx", "libs/pgrepl",
		"localadx stands for Azure Data Explorer: it must not share Calypso's assumptions"},
	{"services/localadx", "libs/record",
		"localadx stands for Azure Data Explorer: it must not share Calypso's assumptions"},
	{"services/localadx", "libs/transform",
		"localadx stands for Azure Data Explorer: it must not share Calypso's assumptions"},
	{"services/capture", "services/sink", "stages meet in Kafka"},
	{"services/sink", "services/capture", "stages meet in Kafka"},
	{"services/capture", "services/admin", "the control plane knows the stages, not they it"},
	{"services/sink", "services/admin", "the control plane knows the stages, not they it"},
}

func TestPackagesImportOnlyWhatTheyMayKnow(t *testing.T) {
	for _, room := range rooms(t) {
		for path, file := range room.Imports {
			below, ours := strings.CutPrefix(path, module)
			for _, rule := range mayNot {
				if ours && strings.HasPrefix(room.Dir, rule.who) && strings.HasPrefix(below, rule.what) {
					t.Errorf("%s/%s imports %s: %s", room.Dir, file, below, rule.why)
				}
			}
		}
	}
}

// What capture and sink know is plain values; their api packages turn it into messages.
func TestMessagesStayAtTheEdge(t *testing.T) {
	for _, room := range rooms(t) {
		service, inside, ok := strings.Cut(room.Dir, "/internal/")
		if !ok || service != "services/capture" && service != "services/sink" || inside == "api" {
			continue
		}
		for path, file := range room.Imports {
			if strings.HasPrefix(path, module+"gen/") {
				t.Errorf("%s/%s imports %s: messages are made in %s/internal/api", room.Dir, file, path, service)
			}
		}
	}
}

func TestTheLargestCircleOfFilesIsFound(t *testing.T) {
	graph := map[string]map[string]bool{
		"a": {"b": true}, "b": {"c": true}, "c": {"a": true, "d": true},
		"d": {"e": true}, "e": {"d": true}, "f": {"a": true},
	}
	if got, want := largestCircle(graph), []string{"a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := largestCircle(map[string]map[string]bool{"a": {"b": true}, "b": {}}); len(got) != 0 {
		t.Errorf("a line is no circle: got %v", got)
	}
}

func rooms(t *testing.T) []Package {
	t.Helper()
	rooms, err := Measure("../..", "libs", "services", "tests", "examples")
	if err != nil {
		t.Fatal(err)
	}
	if len(rooms) < 20 {
		t.Fatalf("found %d packages only", len(rooms))
	}
	return rooms
}

// gone are packages of others that nothing may use again, and why.
var gone = map[string]string{
	"github.com/hamba/avro":       "it allocates what a record claims, which advisories are open about: libs/record and localadx read Avro within bounds of their own",
	"golang.org/x/crypto/openpgp": "it is not maintained, and advisories are open about it",
}

func TestNothingUsesPackagesThatWereLeftForTheirFaults(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "./libs/...", "./services/...")
	list.Dir = root
	used, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.Lines(string(used)) {
		for left, why := range gone {
			if strings.HasPrefix(path, left) {
				t.Errorf("%s is used: %s", strings.TrimSpace(path), why)
			}
		}
	}
}
