package command

import (
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
)

// rights lists the rights that commands need, by the beginnings of their patterns; the first match
// counts. The documentation of each command names its role under "Permissions".
var rights = []struct {
	prefix string
	right  fidelity.Right
}{
	{".get ", fidelity.Connect},
	{".show ingestion resources", fidelity.Connect},
	{".show version", fidelity.Connect},
	{".show capacity", fidelity.CreateTable}, // "at least Database User"
	{".ingest ", fidelity.Ingest},
	{".append ", fidelity.Ingest},
	{".set-or-append ", fidelity.Ingest},
	{".show ", fidelity.View},
	{".cancel query", fidelity.View},
	{".create materialized-view", fidelity.ManageDatabase},
	{".create async materialized-view", fidelity.ManageDatabase},
	{".create ifnotexists materialized-view", fidelity.ManageDatabase},
	{".create-or-alter materialized-view", fidelity.ManageDatabase},
	{".create database", fidelity.ManageDatabase},
	{".alter database", fidelity.ManageDatabase},
	{".alter-merge database", fidelity.ManageDatabase},
	{".delete database", fidelity.ManageDatabase},
	{".drop database", fidelity.ManageDatabase},
	{".clear database", fidelity.ManageDatabase},
	{".create", fidelity.CreateTable},
	{".set ", fidelity.CreateTable},
}

// rightFor returns what the command of the pattern needs; what is not listed changes a table.
func rightFor(pattern string) fidelity.Right {
	if strings.HasPrefix(pattern, ".create") && strings.Contains(pattern, " mapping ") {
		return fidelity.Ingest
	}
	for _, r := range rights {
		if strings.HasPrefix(pattern, r.prefix) {
			return r.right
		}
	}
	return fidelity.ManageTable
}
