package conformance

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/calypso-cdc/calypso/libs/debezium/recorded"
	connectrecord "github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/tests/internal/debezium"
)

// avroConverter is drawn by the generator; where its jars are missing, JSON takes its place.
const avroConverter = "io.confluent.connect.avro.AvroConverter"

// withAvro reports whether the Debezium of the trial can write Avro.
func withAvro() bool { return os.Getenv(debezium.AvroJars) != "" }

// registry stands in for Confluent's schema registry: what converters call. Both sides use the same
// one, so that records with the same schema have the same id, and a difference of schemas is one of
// ids. It tells schemas apart by their texts.
type registry struct {
	mu      sync.Mutex
	schemas []string
}

// newRegistry serves a registry and returns its address.
func newRegistry(t *testing.T) (*registry, string) {
	r := &registry{}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return r, server.URL
}

func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	path := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	switch {
	case request.Method == http.MethodPost && path[0] == "subjects":
		var body struct{ Schema string }
		if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprintf(w, `{"error_code":42201,"message":%q}`, err)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"id": r.id(body.Schema), "version": 1, "subject": path[1],
			"schema": body.Schema})
	case request.Method == http.MethodGet && len(path) > 2 && path[0] == "schemas":
		id, _ := strconv.Atoi(path[2])
		_ = json.NewEncoder(w).Encode(map[string]any{"schema": r.schema(id)})
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error_code":40401,"message":"Subject not found."}`)
	}
}

func (r *registry) id(schema string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.schemas, schema)
	if i < 0 {
		i = len(r.schemas)
		r.schemas = append(r.schemas, schema)
	}
	return i + 1
}

// schema is the text of an id; empty if there is none.
func (r *registry) schema(id int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id < 1 || id > len(r.schemas) {
		return ""
	}
	return r.schemas[id-1]
}

// readable replaces keys and values that are Avro by the id of their schema and their content as JSON.
func (r *round) readable(t *testing.T, events []recorded.Event) {
	client, err := connectrecord.NewRegistry(r.registry, http.DefaultClient, "", "")
	if err != nil {
		t.Fatal(err)
	}
	avro := &connectrecord.Avro{Registry: client}
	for i := range events {
		for _, text := range []**string{&events[i].Key, &events[i].Value} {
			if *text == nil {
				continue
			}
			data := []byte(**text)
			if encoded, ok := strings.CutPrefix(**text, "base64:"); ok {
				data, _ = base64.StdEncoding.DecodeString(encoded)
			}
			if len(data) < 5 || data[0] != 0 {
				continue
			}
			s, v, err := avro.Decode(events[i].Topic, data)
			if err != nil {
				t.Errorf("%s: %v", events[i].Topic, err)
				continue
			}
			written, err := new(connectrecord.JSON).AppendValue(nil, s, v)
			if err != nil {
				t.Errorf("%s: %v", events[i].Topic, err)
			}
			*text = new(fmt.Sprintf("Avro of schema %d: %s", binary.BigEndian.Uint32(data[1:]), written))
		}
	}
}

var schemaID = regexp.MustCompile(`Avro of schema (\d+)`)

// named adds the schemas whose ids appear in a difference between records of Avro.
func (r *round) named(difference string) string {
	seen := map[string]bool{}
	for _, m := range schemaID.FindAllStringSubmatch(difference, -1) {
		if id, _ := strconv.Atoi(m[1]); !seen[m[1]] {
			seen[m[1]] = true
			difference += fmt.Sprintf("\nschema %d: %s", id, r.schemas.schema(id))
		}
	}
	return difference
}
