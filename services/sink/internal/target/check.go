package target

import (
	"context"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

// Check looks at every table whose name does not depend on a topic's.
func (ts *Tables) Check(ctx context.Context) error {
	for _, r := range ts.cluster.Spec.Routes.Fixed() {
		if err := ts.alone(r).Look(ctx); err != nil {
			return err
		}
	}
	return nil
}

// CheckQueueing says how rows get to the server.
func (ts *Tables) CheckQueueing(ctx context.Context) connector.Check {
	c := connector.Check{Name: "ingestion", OK: true, Detail: "The server takes queued ingestion."}
	switch err := ts.Probe(ctx); {
	case err != nil:
		c.OK, c.Detail, c.Remedy = false, err.Error(),
			remedyOf(err, "Fix kusto.ingestion.url or ingestion.mode, or give the identity the role ingestor.")
	case ts.Inline():
		c.Detail = "Rows are sent within commands (ingestion.mode=inline), which is for the Kusto emulator and not for clusters: it takes neither queued nor streamed rows."
	case ts.cluster.Spec.Mode == spec.ModeStreaming:
		c.Detail = "Rows are streamed; what the server does not stream is queued."
	}
	return c
}

// CheckTable reports whether rows can go where a route leads.
func (ts *Tables) CheckTable(ctx context.Context, r route.Route) connector.Check {
	c := connector.Check{Name: "table " + r.Database + "." + r.Table, OK: true,
		Detail: "The table and its mapping are there."}
	to := ts.alone(r)
	err := to.Look(ctx)
	now := to.known.Load()
	if err != nil {
		c.OK, c.Detail, c.Remedy = false, err.Error(),
			remedyOf(err, "Make the table and the mapping, give the identity its roles, or fix the address.")
	} else if now.missing {
		c.Detail = "The table or its mapping is not there: auto.create makes it from the first record."
	} else if now.hidden {
		c.Detail = "The identity may not see the table, so rows are not checked before they are sent. The role viewer changes that."
	}
	if missing, _ := lacking(r.Mapping, now.rows, addedColumns(ts.cluster.Spec)); c.OK &&
		(ts.cluster.Spec.AutoEvolve || now.missing) {
		if err := nameable(r, missing); err != nil {
			c.OK, c.Detail, c.Remedy = false, err.Error(), "Name a mapping for the topic, or set add.fields.prefix."
		}
	}
	return c
}

// remedyOf is what to do about an error; usual where it does not say more than that something failed.
func remedyOf(err error, usual string) string {
	switch {
	case kusto.ObstacleOf(err) == kusto.Mistaken:
		return "Set kusto.ingestion.url (kusto.url) to https://ingest-<cluster>.<region>.kusto.windows.net, and kusto.query.url, if it is set, to https://<cluster>.<region>.kusto.windows.net: as the portal shows them on the cluster's page. With http:// a server is asked without TLS, with https:// with it."
	case kusto.UnknownAuthority(err) != "":
		return "Set kusto.tls.ca.file to a file with the certificate of that authority in PEM, if it is the right one: a localadx's is ca.pem in its data directory, that of a proxy which reads TLS is your network's."
	}
	return usual
}
