package command

import (
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/likeness"
)

// rights are what commands need, by the beginnings of their patterns; the first that fits counts.
// The documentation of each command names its role under "Permissions".
var rights = []struct {
	prefix string
	right  likeness.Right
}{
	{".get ", likeness.Connect},
	{".show ingestion resources", likeness.Connect},
	{".show version", likeness.Connect},
	{".show capacity", likeness.CreateTable}, // "at least Database User"
	{".ingest ", likeness.Ingest},
	{".append ", likeness.Ingest},
	{".set-or-append ", likeness.Ingest},
	{".show ", likeness.View},
	{".cancel query", likeness.View},
	{".create materialized-view", likeness.ManageDatabase},
	{".create async materialized-view", likeness.ManageDatabase},
	{".create ifnotexists materialized-view", likeness.ManageDatabase},
	{".create-or-alter materialized-view", likeness.ManageDatabase},
	{".create database", likeness.ManageDatabase},
	{".alter database", likeness.ManageDatabase},
	{".alter-merge database", likeness.ManageDatabase},
	{".delete database", likeness.ManageDatabase},
	{".drop database", likeness.ManageDatabase},
	{".clear database", likeness.ManageDatabase},
	{".create", likeness.CreateTable},
	{".set ", likeness.CreateTable},
}

// rightFor returns what the command of the pattern needs; what is not listed changes a table.
func rightFor(pattern string) likeness.Right {
	if strings.HasPrefix(pattern, ".create") && strings.Contains(pattern, " mapping ") {
		return likeness.Ingest
	}
	for _, r := range rights {
		if strings.HasPrefix(pattern, r.prefix) {
			return r.right
		}
	}
	return likeness.ManageTable
}
