package target

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/shell"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
)

// explainer says what to do about errors of a table.
type explainer struct {
	connector string
	route     route.Route
}

// command adds the remedy to errors of commands that only the user can fix, and marks them as such.
// role is the group of the database's principals that may give the command.
func (t explainer) command(err error, remedy, role string) error {
	switch {
	case kusto.DatabaseNotFound(err):
		return t.beyondRetry(err, "Correct db in kusto.tables.topics.mapping, or make the database")
	case kusto.NotFound(err):
		return t.beyondRetry(err, remedy)
	case kusto.Unauthorized(err):
		return retry.Permanent(t.denied(err, role))
	}
	return err
}

// ingestion adds to the service's answer to an ingestion what to do about it, and marks what only the user can change.
func (t explainer) ingestion(err error) error {
	switch verdict := kusto.VerdictOf(err); verdict {
	case kusto.TargetMissing, kusto.MappingMissing, kusto.MappingRefused, kusto.FormatRefused:
		if t.route.Mapping != "" && (verdict == kusto.MappingMissing || verdict == kusto.MappingRefused) {
			return t.beyondRetry(err,
				fmt.Sprintf("Make or change the mapping, in database %s: .create-or-alter table %s ingestion %s mapping %s '[…]'",
					t.route.Database, kusto.QuoteName(t.route.Table), kusto.MappingKind(t.route.Format),
					kusto.QuoteString(t.route.Mapping)))
		}
		return t.beyondRetry(err, "Make or change the table and its mapping"+t.refill())
	case kusto.TargetRefused:
		return t.beyondRetry(err, "The table, its policies or its name rule out what is ingested: change them")
	case kusto.AccessDenied:
		// A role takes minutes to arrive, so this is waited for.
		return t.denied(err, "ingestors")
	}
	return err
}

func (t explainer) beyondRetry(err error, remedy string) error {
	return retry.Permanent(fmt.Errorf("topic %s goes to %s.%s: %w. %s; then restart the connector", t.route.Topic,
		t.route.Database, t.route.Table, err, remedy))
}

// denied says how the identity gets a role. One that may ingest may not look by that.
func (t explainer) denied(err error, role string) error {
	also := ""
	if role == "ingestors" {
		also = " and the same for viewers"
	}
	return fmt.Errorf(
		"topic %s goes to %s.%s: %w. Check the aad.auth keys, and give the identity the role: .add database %s %s ('aadapp=<appid>;<tenant>')%s",
		t.route.Topic, t.route.Database, t.route.Table, err, kusto.QuoteName(t.route.Database), role, also)
}

// refill says how a table that was dropped gets back the rows that it had.
func (t explainer) refill() string {
	return fmt.Sprintf(
		"; if it was dropped, give it its rows again as far as the topic still has them: calypsoctl offsets reset %s --topic %s; or all rows that the source has now: calypsoctl snapshot start <source connector> --table <schema.table>", shell.Quote(t.connector), shell.Quote(t.route.Topic))
}
