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

	"github.com/calypso-cdc/calypso/tests/internal/debezium"
)

// avroConverter is drawn by the generator; where its jars are not to be had, JSON takes its place.
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

// differingValue is a value in base64, as records that are not UTF-8 are kept.
var differingValue = regexp.MustCompile(`base64:([A-Za-z0-9+/=]+)`)

// named adds the schemas whose ids a difference between records of Avro shows.
func (r *round) named(difference string) string {
	seen := map[int]bool{}
	for _, m := range differingValue.FindAllStringSubmatch(difference, -1) {
		b, _ := base64.StdEncoding.DecodeString(m[1][:len(m[1])/4*4])
		if len(b) < 5 || b[0] != 0 {
			continue
		}
		if id := int(binary.BigEndian.Uint32(b[1:])); !seen[id] {
			seen[id] = true
			difference += fmt.Sprintf("\nschema %d: %s", id, r.schemas.schema(id))
		}
	}
	return difference
}
