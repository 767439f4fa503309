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
)

// storageAt answers commands of the data management service whose storage is at an address.
func storageAt(t *testing.T, storage string) *Client {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct{ CSL string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		if strings.Contains(body.CSL, "identity token") {
			fmt.Fprint(w, `{"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"AuthorizationContext","DataType":"String","ColumnType":"string"}],"Rows":[["token"]]}]}`)
			return
		}
		var rows [][]string
		for kind, path := range map[string]string{"TempStorage": "c", "SecuredReadyForAggregationQueue": "q", "IngestionsStatusTable": "t"} {
			rows = append(rows, []string{kind, storage + "/account/" + path + "?sv=1&sig=SECRET"})
		}
		text, _ := json.Marshal(rows)
		fmt.Fprintf(w, `{"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"ResourceTypeName","DataType":"String","ColumnType":"string"},{"ColumnName":"StorageRoot","DataType":"String","ColumnType":"string"}],"Rows":%s}]}`, text)
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
		"unknown name":      {"https://no-such-host.invalid", "no such host"},
		"unknown authority": {unknown.URL, "x509: certificate signed by unknown authority"},
		"silent":            {"https://" + silent.Addr().String(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			defer cancel()
			_, err := storageAt(t, c.storage).Enqueue(ctx, &Blob{Database: "d", Table: "t", Format: "multijson", Data: []byte{1}, RawSize: 1})
			host := strings.Split(c.storage, "//")[1]
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), host) || strings.Contains(err.Error(), "SECRET") || Permanent(err) {
				t.Errorf("%v, want that it names %s and %q", err, host, c.want)
			}
		})
	}
}
