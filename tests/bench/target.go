package main

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// target stands in for Azure Data Explorer and its storage where the sink alone is to be measured:
// it takes blobs and queue messages at once, or each after a delay, looks into every blob which
// orders it holds, and ingests nothing. A row counts when its queue message was taken. Each
// ingestion's status is Succeeded at once, or Skipped if ingestIfNotExists names a tag that came
// before, as ADX has it: such a blob's rows do not count.
type target struct {
	server *httptest.Server
	// delay is what storage takes to answer a PUT or POST.
	delay time.Duration

	mu sync.Mutex
	// blobs holds the orders of uploaded blobs that no message has named yet, and blocks the parts
	// of those being uploaded.
	blobs  map[string][]int64
	blocks map[string][]byte
	// raw and compressed count the bytes of the blobs.
	raw, compressed int64
	// accepted holds when each blob was accepted and how many rows it had.
	accepted []acceptance
	// seen counts how often each order came, skipped how many orders came with a tag that had come before.
	seen    map[int64]uint8
	skipped int
	// tags are those of accepted blobs, skips the ids of the ingestions that were skipped.
	tags, skips map[string]bool
	// arrived notes when each order was accepted; nothing is noted if it is nil.
	arrived map[int64]time.Time
	// unknown are commands that the target does not know, for messages.
	unknown map[string]bool
}

type acceptance struct {
	at   time.Time
	rows int
}

// startTarget serves on a free port and writes the certificate that clients must trust to caFile.
func startTarget(delay time.Duration, caFile string) (*target, error) {
	t := &target{delay: delay, blobs: map[string][]int64{}, blocks: map[string][]byte{}, seen: map[int64]uint8{},
		tags: map[string]bool{}, skips: map[string]bool{}, unknown: map[string]bool{}}
	certificate, authority, err := selfSigned()
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	if err := os.WriteFile(caFile, authority, 0o644); err != nil {
		return nil, fmt.Errorf("write the certificate: %w", err)
	}
	t.server = httptest.NewUnstartedServer(http.HandlerFunc(t.serve))
	t.server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	t.server.StartTLS()
	return t, nil
}

// url is the address of the cluster. The name localhost makes clients take it for a local one.
func (t *target) url() string {
	_, port, _ := net.SplitHostPort(t.server.Listener.Addr().String())
	return "https://localhost:" + port
}

func (t *target) close() { t.server.Close() }

// rows is how many rows were accepted, repetitions included.
func (t *target) rows() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, a := range t.accepted {
		n += a.rows
	}
	return n
}

// acceptances are the blobs accepted so far.
func (t *target) acceptances() []acceptance {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.accepted)
}

// distinct is how many different orders were accepted, and how many came again.
func (t *target) distinct() (orders, repeated int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.seen {
		repeated += int(n) - 1
	}
	return len(t.seen), repeated
}

func (t *target) serve(w http.ResponseWriter, r *http.Request) {
	switch path := strings.ToLower(r.URL.Path); {
	case path == "/v1/rest/auth/metadata":
		w.WriteHeader(http.StatusNotFound)
	case path == "/v1/rest/mgmt":
		t.command(w, r)
	case strings.HasPrefix(path, "/blobs/"):
		t.blob(w, r)
	case strings.HasSuffix(path, "/messages"):
		t.message(w, r)
	case strings.HasPrefix(path, "/status"):
		t.status(w, r)
	default:
		http.Error(w, "the stand-in for ADX does not serve "+path, http.StatusBadRequest)
	}
}

// command answers the management commands of a sink.
func (t *target) command(w http.ResponseWriter, r *http.Request) {
	var body struct{ CSL string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	csl := strings.ToLower(body.CSL)
	switch {
	case strings.Contains(csl, "ingestion resources"):
		var rows [][]any
		for _, resource := range [][2]string{{"TempStorage", "/blobs"}, {"SecuredReadyForAggregationQueue", "/account/ready"},
			{"FailedIngestionsQueue", "/account/failed"}, {"SuccessfulIngestionsQueue", "/account/succeeded"},
			{"IngestionsStatusTable", "/status"}} {
			rows = append(rows, []any{resource[0], t.url() + resource[1] + "?sig=x"})
		}
		answer(w, []string{"ResourceTypeName", "StorageRoot"}, rows...)
	case strings.Contains(csl, "identity token"):
		answer(w, []string{"AuthorizationContext"}, []any{"token"})
	case strings.Contains(csl, "cslschema"):
		answer(w, []string{"TableName", "Schema", "DatabaseName", "Folder", "DocString"},
			[]any{"Orders", "orderid:string,custid:string,city:string,amount:int,purchase_time:datetime", "orders", "", ""})
	case strings.Contains(csl, "ingestion") && strings.Contains(csl, "mapping"):
		answer(w, []string{"Name", "Kind", "Mapping", "LastUpdatedOn", "Database", "Table"},
			[]any{"OrdersEventMapping", "Json",
				`[{"column":"orderid","Properties":{"Path":"$.orderid"}},{"column":"custid","Properties":{"Path":"$.custid"}},{"column":"city","Properties":{"Path":"$.city"}},{"column":"amount","Properties":{"Path":"$.amount"}},{"column":"purchase_time","Properties":{"Path":"$.purchase_time"}}]`,
				"2026-01-01T00:00:00Z", "orders", "Orders"})
	case strings.Contains(csl, "policy extent_tags_retention"):
		answer(w, []string{"PolicyName", "EntityName", "Policy", "ChildEntities", "EntityType"})
	case strings.Contains(csl, ".show table") && strings.Contains(csl, " extents"):
		answer(w, []string{"Number"}) // no batch of this sink is in the table yet
	default:
		t.mu.Lock()
		if !t.unknown[csl] {
			t.unknown[csl] = true
			fmt.Fprintln(os.Stderr, "bench: the stand-in for ADX answers with no rows:", body.CSL)
		}
		t.mu.Unlock()
		answer(w, []string{"Result"})
	}
}

// answer writes a v1 result of strings.
func answer(w http.ResponseWriter, columns []string, rows ...[]any) {
	type column struct{ ColumnName, DataType, ColumnType string }
	table := struct {
		TableName string
		Columns   []column
		Rows      [][]any
	}{TableName: "Table_0", Rows: rows}
	if rows == nil {
		table.Rows = [][]any{}
	}
	for _, c := range columns {
		table.Columns = append(table.Columns, column{c, "String", "string"})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"Tables": []any{table}})
}

// blob takes an upload, whole or in blocks.
func (t *target) blob(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name, comp := r.URL.Path, r.URL.Query().Get("comp")
	time.Sleep(t.delay)
	switch comp {
	case "block":
		t.mu.Lock()
		t.blocks[name+"#"+r.URL.Query().Get("blockid")] = data
		t.mu.Unlock()
	case "blocklist":
		var list struct {
			Latest []string
		}
		if err := xml.Unmarshal(data, &list); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var whole []byte
		t.mu.Lock()
		for _, id := range list.Latest {
			whole = append(whole, t.blocks[name+"#"+id]...)
			delete(t.blocks, name+"#"+id)
		}
		t.mu.Unlock()
		err = t.open(name, whole)
	default:
		err = t.open(name, data)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("ETag", `"0x1"`)
	w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("x-ms-request-server-encrypted", "false")
	w.WriteHeader(http.StatusCreated)
}

// open unpacks a blob and notes the orders in it.
func (t *target) open(name string, data []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("blob %s is not gzip: %w", name, err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return fmt.Errorf("blob %s: %w", name, err)
	}
	ids := orderIDs(raw)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.blobs[name] = ids
	t.raw += int64(len(raw))
	t.compressed += int64(len(data))
	return nil
}

// orderIDs finds the numbers behind each "orderid": with or without quotes.
func orderIDs(raw []byte) []int64 {
	var ids []int64
	key := []byte(`"orderid":`)
	for {
		i := bytes.Index(raw, key)
		if i < 0 {
			return ids
		}
		raw = bytes.TrimLeft(raw[i+len(key):], `" `)
		n := 0
		for n < len(raw) && raw[n] >= '0' && raw[n] <= '9' {
			n++
		}
		if id, err := strconv.ParseInt(string(raw[:n]), 10, 64); err == nil {
			ids = append(ids, id)
		}
		raw = raw[n:]
	}
}

// message takes a request to ingest.
func (t *target) message(w http.ResponseWriter, r *http.Request) {
	var envelope struct{ MessageText string }
	data, err := io.ReadAll(r.Body)
	if err == nil {
		err = xml.Unmarshal(data, &envelope)
	}
	var text []byte
	if err == nil {
		text, err = base64.StdEncoding.DecodeString(envelope.MessageText)
	}
	var request ingestion
	if err == nil {
		err = json.Unmarshal(text, &request)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	time.Sleep(t.delay)
	t.accept(request)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusCreated)
	now := time.Now().UTC().Format(http.TimeFormat)
	fmt.Fprintf(w,
		"<?xml version=\"1.0\"?><QueueMessagesList><QueueMessage><MessageId>1</MessageId><InsertionTime>%s</InsertionTime><ExpirationTime>%s</ExpirationTime>"+
			"<PopReceipt>x</PopReceipt><TimeNextVisible>%s</TimeNextVisible></QueueMessage></QueueMessagesList>", now, now, now)
}

// ingestion is a queue message; names in it have no case.
type ingestion struct {
	ID                   string
	BlobPath             string
	AdditionalProperties struct {
		// Tags and IngestIfNotExists are lists written as JSON.
		Tags, IngestIfNotExists string
	}
}

func (t *target) accept(request ingestion) {
	r, err := http.NewRequest(http.MethodGet, request.BlobPath, nil)
	if err != nil {
		return
	}
	var tags, wanted []string
	for list, into := range map[string]*[]string{request.AdditionalProperties.Tags: &tags,
		request.AdditionalProperties.IngestIfNotExists: &wanted} {
		if list != "" && json.Unmarshal([]byte(list), into) != nil {
			return
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := t.blobs[r.URL.Path]
	delete(t.blobs, r.URL.Path)
	for _, tag := range wanted {
		if t.tags["ingest-by:"+tag] {
			t.skips[request.ID] = true
			t.skipped += len(ids)
			return
		}
	}
	for _, tag := range tags {
		t.tags[tag] = true
	}
	now := time.Now()
	for _, id := range ids {
		t.seen[id]++
		if t.arrived != nil {
			t.arrived[id] = now
		}
	}
	t.accepted = append(t.accepted, acceptance{now, len(ids)})
}

// status takes the entities in which a client follows its ingestions.
func (t *target) status(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	_, id, _ := strings.Cut(r.URL.Path, "PartitionKey='")
	id, _, _ = strings.Cut(id, "'")
	state := "Succeeded"
	t.mu.Lock()
	if t.skips[id] {
		state = "Skipped"
	}
	t.mu.Unlock()
	w.Header().Set("Content-Type", "application/json;odata=minimalmetadata")
	_ = json.NewEncoder(w).Encode(map[string]any{"PartitionKey": "p", "RowKey": "r", "Status": state,
		"IngestionSourceId": "00000000-0000-0000-0000-000000000000",
		"Database":          "orders", "Table": "Orders", "ErrorCode": "", "FailureStatus": "", "Details": ""})
}

// selfSigned makes a certificate for localhost, and itself as the authority to trust, in PEM.
func selfSigned() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"},
		NotBefore: time.Now().Add(-time.Hour),
		NotAfter:  time.Now().Add(24 * time.Hour), DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:        true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
