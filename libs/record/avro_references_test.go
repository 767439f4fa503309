package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// versions is a registry as Confluent's answers: schemas by id, and by subject and version. Its
// address is that of a server, and asked counts the questions for each path.
type versions struct {
	byPath map[string]WrittenSchema

	mu    sync.Mutex
	asked map[string]int
}

func (v *versions) converter(t *testing.T) *Avro {
	v.asked = map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		v.asked[r.URL.Path]++
		v.mu.Unlock()
		written, ok := v.byPath[r.URL.Path]
		switch {
		case !ok:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40401,"message":"Subject not found."}`)
		case written.Text == "":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_ = json.NewEncoder(w).Encode(written)
		}
	}))
	t.Cleanup(server.Close)
	client, err := NewRegistry(server.URL, server.Client(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return &Avro{Registry: client}
}

const (
	cityAvro    = `{"type":"record","name":"City","namespace":"a.b","fields":[{"name":"name","type":"string"}]}`
	addressAvro = `{"type":"record","name":"Address","namespace":"a.b","fields":[{"name":"city","type":"City"},{"name":"old","type":["null","a.b.City"]}]}`
	colourAvro  = `{"type":"enum","name":"Colour","namespace":"c","symbols":["RED","BLUE"]}`
	buyerAvro   = `{"type":"record","name":"Buyer","namespace":"a.b","fields":[{"name":"home","type":"Address"},{"name":"born","type":"a.b.City"},{"name":"likes","type":{"type":"array","items":"c.Colour"}}]}`
)

func TestTypesThatASchemaOnlyNamesAreReadFromTheSchemasThatItRefersTo(t *testing.T) {
	city := Reference{"a.b.City", "city", 2}
	v := &versions{byPath: map[string]WrittenSchema{
		"/schemas/ids/7": {Text: buyerAvro, References: []Reference{{"a.b.Address", "an/address", 1}, city,
			{"c.Colour", "colour", 3}}},
		"/schemas/ids/8":                  {Text: `"a.b.City"`, References: []Reference{city}},
		"/subjects/an/address/versions/1": {Text: addressAvro, Type: "AVRO", References: []Reference{city}},
		"/subjects/city/versions/2":       {Text: cityAvro},
		"/subjects/colour/versions/3":     {Text: colourAvro},
	}}
	c := v.converter(t)
	for wire, want := range map[string]string{
		"\x00\x00\x00\x00\x07" + "\x02x" + "\x02\x02y" + "\x02z" + "\x02\x02\x00": `{"home":{"city":{"name":"x"},"old":{"name":"y"}},"born":{"name":"z"},"likes":["BLUE"]}`,
		"\x00\x00\x00\x00\x08" + "\x02x":                                          `{"name":"x"}`,
	} {
		for range 2 {
			schema, value, err := c.Decode("t", []byte(wire))
			if err != nil {
				t.Fatal(err)
			}
			if text, err := (&JSON{}).AppendValue(nil, schema, value); err != nil || string(text) != want {
				t.Errorf("read %s, want %s: %v", text, want, err)
			}
		}
	}
	for path, n := range v.asked {
		if n != 1 {
			t.Errorf("%s was asked for %d times", path, n)
		}
	}
}

func TestReferencesThatLeadNowhereAreNamed(t *testing.T) {
	chain := map[string]WrittenSchema{}
	for i := range 2 * maxReferenceDepth {
		chain[fmt.Sprintf("/subjects/s%d/versions/1", i)] = WrittenSchema{Text: `"int"`,
			References: []Reference{{fmt.Sprintf("s%d", i+1), fmt.Sprintf("s%d", i+1), 1}}}
	}
	var many []Reference
	for i := range maxReferences + 1 {
		many = append(many, Reference{fmt.Sprint("m", i), "city", 1})
	}
	for name, c := range map[string]struct {
		references []Reference
		more       map[string]WrittenSchema
		want       string
		away       bool
	}{
		"no such version": {[]Reference{{"a.b.City", "city", 9}}, nil,
			"reference a.b.City (version 9 of subject city) from the registry: the registry answered 404: Subject not found.", false},
		"another type": {[]Reference{{"a.b.City", "proto", 1}}, map[string]WrittenSchema{
			"/subjects/proto/versions/1": {Text: "syntax", Type: "PROTOBUF"}}, "type PROTOBUF", false},
		"a circle": {[]Reference{{"a", "a", 1}}, map[string]WrittenSchema{
			"/subjects/a/versions/1": {Text: `"int"`, References: []Reference{{"b", "b", 1}}},
			"/subjects/b/versions/1": {Text: `"int"`, References: []Reference{{"a", "a", 1}}},
		}, "leads back to itself", false},
		"a long chain":         {[]Reference{{"s0", "s0", 1}}, chain, "form a chain of more than", false},
		"too many":             {many, nil, "more than 1000 schemas", false},
		"another than is used": {[]Reference{{"a.b.City", "colour", 1}}, nil, "City", false},
		"not now": {[]Reference{{"a.b.City", "away", 1}}, map[string]WrittenSchema{"/subjects/away/versions/1": {}},
			"answered 503", true},
	} {
		t.Run(name, func(t *testing.T) {
			v := &versions{byPath: map[string]WrittenSchema{
				"/schemas/ids/1":              {Text: addressAvro, References: c.references},
				"/subjects/city/versions/1":   {Text: cityAvro},
				"/subjects/colour/versions/1": {Text: colourAvro},
			}}
			for path, written := range c.more {
				v.byPath[path] = written
			}
			_, _, err := v.converter(t).Decode("t", []byte("\x00\x00\x00\x00\x01\x02x\x00"))
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, new(*Unavailable)) != c.away {
				t.Errorf("%v, want %q in it", err, c.want)
			}
		})
	}
}
