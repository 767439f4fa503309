package calypso

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"time"

	"github.com/calypso-cdc/calypso/examples/orders"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/localadx"
)

// localBatchingTime is how long batches of queued ingestion wait in the local ADX, whatever a
// table's policy says: a first run should not take minutes.
const localBatchingTime = time.Second

// localMemory bounds the query engine of the local ADX, and besideMemory the memory of everything
// else in the process.
const (
	localMemory  = "512MB"
	besideMemory = 3 << 30
)

// target is the Azure Data Explorer database to which the orders go.
type target struct {
	// URL is the value for a sink's kusto.url.
	URL      string
	Database string
	auth     kusto.Auth
	// caFile has the certificate authority of the local server; empty for a cluster.
	caFile string
	// trusted is the host of URL.
	trusted []string
	client  *kusto.Client
}

// newLocalADX opens the local Azure Data Explorer; its Run serves.
func newLocalADX(ctx context.Context, s *Settings, log *slog.Logger) (*localadx.Server, error) {
	server, err := localadx.New(ctx, localadx.Config{
		HTTPAddr: local(s.ADXPort), HTTPSAddr: local(s.ADXTLSPort), DataDir: filepath.Join(s.Data, "adx"),
		Databases: []string{s.ADXDatabase}, MemoryLimit: localMemory, MemoryBeside: besideMemory,
		MaxBatchingTime: localBatchingTime, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("open the local Azure Data Explorer: %w", err)
	}
	return server, nil
}

// openTarget makes a client for the local or the given Azure Data Explorer.
func openTarget(s *Settings) (_ *target, err error) {
	t := &target{URL: s.ADXURL, Database: s.ADXDatabase, auth: kusto.Auth{Strategy: kusto.NoAuth}}
	ca := s.ADXCAFile
	switch {
	case s.ADXURL == "":
		t.URL = fmt.Sprintf("http://127.0.0.1:%d", s.ADXPort)
		ca = filepath.Join(s.Data, "adx", "ca.pem")
	case s.ADXAppID != "":
		t.auth = kusto.Auth{Strategy: kusto.Application, AppID: s.ADXAppID, AppKey: s.ADXAppKey.Reveal(),
			Authority: s.ADXTenant}
	}
	if ca != "" {
		if t.caFile, err = filepath.Abs(ca); err != nil {
			return nil, fmt.Errorf("certificates of Azure Data Explorer's authority: %w", err)
		}
	}
	endpoints, err := kusto.DeriveEndpoints(t.URL, "")
	if err != nil {
		return nil, fmt.Errorf("--adx-url: %w", err)
	}
	if u, err := url.Parse(endpoints.Query); err == nil {
		t.trusted = []string{u.Hostname()} // whoever started this process gave its address
	}
	if t.client, err = kusto.New(kusto.Config{Endpoints: endpoints, Auth: t.auth, CAFile: t.caFile,
		TrustedHosts: t.trusted, Application: "calypso"}); err != nil {
		return nil, fmt.Errorf("connect to Azure Data Explorer at %s: %w", t.URL, err)
	}
	return t, nil
}

// answers returns an error unless the server answers and has the database.
func (t *target) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if _, err := t.client.Query(ctx, t.Database, "print 1"); err != nil {
		return fmt.Errorf("ask Azure Data Explorer at %s: %w", t.URL, err)
	}
	return nil
}

// setUp creates the table Orders with its mapping and policy if it is missing.
func (t *target) setUp(ctx context.Context) error {
	_, err := t.client.Schema(ctx, t.Database, "Orders")
	if err == nil {
		return nil
	}
	if !kusto.NotFound(err) {
		return fmt.Errorf("look for table Orders in database %s: %w", t.Database, err)
	}
	for _, command := range orders.Setup() {
		if _, err := t.client.Manage(ctx, t.Database, command); err != nil {
			return fmt.Errorf("make table Orders in database %s: %w", t.Database, err)
		}
	}
	return nil
}

// count returns how many orders the table has.
func (t *target) count(ctx context.Context) (string, error) {
	answer, err := t.client.Query(ctx, t.Database, "Orders | count")
	if err != nil {
		return "", fmt.Errorf("count the orders in Azure Data Explorer: %w", err)
	}
	if len(answer.Rows) != 1 || len(answer.Rows[0]) != 1 {
		return "", errors.New("count the orders in Azure Data Explorer: the answer is not one number")
	}
	return answer.Rows[0][0], nil
}
