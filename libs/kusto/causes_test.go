package kusto

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

// storageAt answers commands of the data management service whose storage is at an address.
func storageAt(t *testing.T, storage string) *Client {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct{ CSL string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		if strings.Contains(body.CSL, "identity token") {
			fmt.Fprint(w,
				`{"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"AuthorizationContext","DataType":"String","ColumnType":"string"}],"Rows":[["token"]]}]}`)
			return
		}
		var rows [][]string
		for kind, path := range map[string]string{"TempStorage": "c", "SecuredReadyForAggregationQueue": "q",
			"IngestionsStatusTable": "t"} {
			rows = append(rows, []string{kind, storage + "/account/" + path + "?sv=1&sig=SECRET"})
		}
		text, _ := json.Marshal(rows)
		fmt.Fprintf(w,
			`{"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"ResourceTypeName","DataType":"String","ColumnType":"string"},{"ColumnName":"StorageRoot","DataType":"String","ColumnType":"string"}],"Rows":%s}]}`, text)
	})
}

func TestAnUploadThatFailsSaysWhereAndWhy(t *testing.T) {
	unknown := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(unknown.Close)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := refusing.Addr().String()
	_ = refusing.Close()
	for name, c := range map[string]struct{ storage, want string }{
		"refused":           {"https://" + refused, "connection refused"},
		"unknown name":      {"https://" + testenv.NoSuchHost, "no such host"},
		"unknown authority": {unknown.URL, "x509: certificate signed by unknown authority"},
		"silent":            {"https://" + silent.Addr().String(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "unknown name" {
				testenv.SkipWithoutNames(t)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			defer cancel()
			_, err := storageAt(t, c.storage).Enqueue(ctx, &Blob{Database: "d", Table: "t", Format: "multijson",
				Data: []byte{1}, RawSize: 1})
			host := strings.Split(c.storage, "//")[1]
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), host) ||
				strings.Contains(err.Error(), "SECRET") || Permanent(err) {
				t.Errorf("%v, want that it names %s and %q", err, host, c.want)
			}
			if c.want != "" && strings.Count(err.Error(), c.want) != 1 {
				t.Errorf("%v says %q more than once", err, c.want)
			}
		})
	}
}

func TestACauseIsSaidOnceWhateverCallFails(t *testing.T) {
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = refusing.Close()
	endpoints, err := DeriveEndpoints("http://"+refusing.Addr().String(), "")
	if err != nil {
		t.Fatal(err)
	}
	client, err := New(Config{Endpoints: endpoints})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	_, err = client.Query(ctx, "d", "T")
	if err == nil || strings.Count(err.Error(), "connection refused") != 1 ||
		!strings.Contains(err.Error(), refusing.Addr().String()) {
		t.Errorf("%v, want that it says once why nobody answers", err)
	}
}

func TestWhatStorageSaysIsPartOfTheError(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		code, body string
		want       string
	}{
		"localadx, whose disk is full": {http.StatusInsufficientStorage, "InsufficientStorage",
			`<?xml version="1.0"?><Error><Code>InsufficientStorage</Code><Message>the disk has 3 MB left: make room</Message></Error>`, "the disk has 3 MB left: make room (InsufficientStorage) [HTTP 507]"},
		"Azure, with the request's id": {http.StatusConflict, "",
			"\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>BlobArchived</Code><Message>This operation is not permitted on an archived blob.\nRequestId:1\nTime:2</Message></Error>", "This operation is not permitted on an archived blob. (BlobArchived) [HTTP 409]"},
	} {
		t.Run(name, func(t *testing.T) {
			storage := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.code != "" {
					w.Header().Set("x-ms-error-code", c.code)
				}
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}))
			t.Cleanup(storage.Close)
			client := storageAt(t, storage.URL)
			client.http.Transport.(*transport).next = storage.Client().Transport
			_, err := client.Enqueue(t.Context(), &Blob{Database: "d", Table: "t", Format: "multijson",
				Data: []byte{1}, RawSize: 1})
			if err == nil || !strings.HasSuffix(err.Error(), ": "+c.want) {
				t.Errorf("%v, want that it ends with %s", err, c.want)
			}
		})
	}
}
