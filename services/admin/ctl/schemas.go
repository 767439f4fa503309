package ctl

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
)

// getSchemasCommand lists the versions that tables have had.
func getSchemasCommand(s *session) *cobra.Command {
	var most int32
	get := &cobra.Command{
		Use:   "schemas CONNECTOR [TABLE]",
		Short: "Which versions a connector's tables, or one schema.table, have had, newest first",
		Args:  between(1, 2), ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			q := &capturev1.ListSchemaVersionsRequest{Connector: args[0], PageSize: most}
			if len(args) > 1 {
				q.Table = args[1]
			}
			r, err := s.captures().ListSchemaVersions(cmd.Context(), q)
			if err != nil {
				return err
			}
			return s.show(r, func(t *table) { schemaVersions(t, r.Versions) })
		},
	}
	get.Flags().Int32Var(&most, "limit", 100, "the most versions to show, 1000 at most")
	return get
}

func schemaVersions(t *table, all []*capturev1.SchemaVersion) {
	t.row("TABLE", "VERSION", "SINCE", "LSN", "CHANGE", "WHAT")
	for _, v := range all {
		kind := strings.ToLower(strings.TrimPrefix(v.Compatibility.String(), "COMPATIBILITY_"))
		var what []string
		for _, c := range v.Changes {
			what = append(what, schemaChange(c))
		}
		if v.Compatibility == capturev1.Compatibility_COMPATIBILITY_UNSPECIFIED {
			kind = "first"
			for _, c := range v.Columns {
				what = append(what, schemaColumn(c))
			}
		}
		t.row(v.Table, v.Version, v.Time.AsTime().Local().Format(time.DateTime), v.Lsn, kind, strings.Join(what, ", "))
	}
}

func schemaColumn(c *capturev1.SchemaColumn) string {
	text := c.Name + " " + c.Type
	if !c.Optional {
		text += " not null"
	}
	if c.KeyPlace > 0 {
		text += " key"
	}
	return text
}

func schemaChange(c *capturev1.SchemaChange) string {
	switch c.Kind {
	case capturev1.SchemaChange_KIND_COLUMN_ADDED:
		return fmt.Sprintf("+ %s %s", c.Column, c.To)
	case capturev1.SchemaChange_KIND_COLUMN_DROPPED:
		return fmt.Sprintf("- %s %s", c.Column, c.From)
	case capturev1.SchemaChange_KIND_KEY_CHANGED:
		return fmt.Sprintf("key (%s) -> (%s)", c.From, c.To)
	case capturev1.SchemaChange_KIND_REPLICA_IDENTITY_CHANGED:
		return fmt.Sprintf("replica identity %s -> %s", c.From, c.To)
	case capturev1.SchemaChange_KIND_COLUMN_RENAMED:
		return fmt.Sprintf("%s -> %s", c.From, c.To)
	}
	return fmt.Sprintf("%s: %s -> %s", c.Column, c.From, c.To)
}
