// Package adx queries an Azure Data Explorer cluster through the official SDK, as any client of it does.
package adx

import (
	"context"
	"fmt"
	"time"

	"github.com/Azure/azure-kusto-go/azkustodata"
	"github.com/Azure/azure-kusto-go/azkustodata/kql"
	"github.com/Azure/azure-kusto-go/azkustodata/query"
)

// Client asks one database.
type Client struct {
	*azkustodata.Client
	Database string
}

// New makes a client of a cluster without authentication, as localadx is by default.
func New(url, database string) (*Client, error) {
	c, err := azkustodata.New(azkustodata.NewConnectionStringBuilder(url))
	if err != nil {
		return nil, fmt.Errorf("make a client of %s: %w", url, err)
	}
	return &Client{Client: c, Database: database}, nil
}

// Command runs a management command.
func (c *Client) Command(ctx context.Context, command string) error {
	_, err := c.Shown(ctx, command)
	return err
}

// Shown runs a management command and returns the rows of its result.
func (c *Client) Shown(ctx context.Context, command string) ([]query.Row, error) {
	data, err := c.Mgmt(ctx, c.Database, kql.New("").AddUnsafe(command))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	return data.Tables()[0].Rows(), nil
}

// Query runs a query and returns the rows of its primary result.
func (c *Client) Query(ctx context.Context, text string) ([]query.Row, error) {
	data, err := c.Client.Query(ctx, c.Database, kql.New("").AddUnsafe(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	for _, t := range data.Tables() {
		if t.IsPrimaryResult() {
			return t.Rows(), nil
		}
	}
	return nil, fmt.Errorf("%s: no primary result", text)
}

// Value reads a value of a row by the name of its column; T must be the SDK's Go type of the
// column, such as string, *int64, *float64, *time.Duration.
func Value[T any](r query.Row, column string) (T, error) {
	var none T
	v, err := r.ValueByName(column)
	if err != nil {
		return none, err
	}
	t, ok := v.GetValue().(T)
	if !ok {
		return none, fmt.Errorf("column %s holds a %T, not a %T", column, v.GetValue(), none)
	}
	return t, nil
}

// Clock is a time of day as the use case's questions group by it.
func Clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}
