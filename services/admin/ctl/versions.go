package ctl

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

// planOf says how a document differs from the present configuration, and what applying it leads to;
// empty if it does not differ. A user who may not plan sees only the difference; if the change
// would be refused, the difference and the reason.
func planOf(ctx context.Context, s *session, d document) (string, error) {
	plan, err := s.connectors().PlanConnectorConfig(ctx,
		&connectorv1.PlanConnectorConfigRequest{Name: d.Name, Config: d.Config})
	switch status.Code(err) {
	case codes.OK:
		return planned(d.Name, plan), nil
	case codes.PermissionDenied, codes.InvalidArgument:
		current, fault := currentConfiguration(ctx, s, d.Name)
		if fault != nil {
			return "", fault
		}
		said := difference(d, current)
		if said != "" && status.Code(err) == codes.InvalidArgument {
			said += "! it would be refused: " + status.Convert(err).Message() + "\n"
		}
		return said, nil
	}
	return "", err
}

// planned writes a plan: a line for each key, as difference does, then the consequences.
func planned(name string, plan *connectorv1.PlanConnectorConfigResponse) string {
	if plan.GetCreates() {
		return fmt.Sprintf("+ connector %s\n", name)
	}
	if len(plan.GetChanges()) == 0 {
		return ""
	}
	var lines strings.Builder
	fmt.Fprintf(&lines, "connector %s\n", name)
	for _, change := range plan.GetChanges() {
		switch {
		case change.Old == nil:
			fmt.Fprintf(&lines, "+ %s: %s\n", change.GetKey(), change.GetNew())
		case change.New == nil:
			fmt.Fprintf(&lines, "- %s: %s\n", change.GetKey(), change.GetOld())
		default:
			fmt.Fprintf(&lines, "~ %s: %s -> %s\n", change.GetKey(), change.GetOld(), change.GetNew())
		}
	}
	for _, consequence := range plan.GetConsequences() {
		because := ""
		if len(consequence.GetKeys()) > 0 {
			because = " (" + strings.Join(consequence.GetKeys(), ", ") + ")"
		}
		fmt.Fprintf(&lines, "! %s%s: %s\n", consequence.GetEffect(), because, consequence.GetDetail())
	}
	for _, warning := range plan.GetWarnings() {
		fmt.Fprintf(&lines, "! warning: %s\n", warning)
	}
	return lines.String()
}

// versionsCommand lists the configurations that a connector had.
func versionsCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "versions CONNECTOR", Short: "The last configurations of a connector, newest first; -o json shows them whole",
		Args: exactly(1), ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := s.connectors().ListConfigVersions(cmd.Context(), &connectorv1.ListConfigVersionsRequest{Name: args[0]})
			if err != nil {
				return err
			}
			return s.show(r, func(t *table) {
				t.row("VERSION", "TIME", "BY", "CHANGED")
				for _, v := range r.Versions {
					t.row(v.Version, v.Time.AsTime().Local().Format(time.DateTime), v.Actor, strings.Join(v.ChangedKeys, ", "))
				}
			})
		},
	}
}

// rollbackCommand makes an earlier configuration the present one.
func rollbackCommand(s *session) *cobra.Command {
	var to int64
	rollback := &cobra.Command{
		Use:   "rollback CONNECTOR --to VERSION",
		Short: "Make an earlier configuration of a connector the present one, as a new version", Args: exactly(1),
		ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := s.connectors().RollbackConnectorConfig(cmd.Context(),
				&connectorv1.RollbackConnectorConfigRequest{Name: args[0], Version: to})
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s has the configuration of version %d\n", args[0], to)
			for _, w := range r.Warnings {
				fmt.Fprintf(s.out, "  warning: %s\n", w)
			}
			return nil
		},
	}
	rollback.Flags().Int64Var(&to, "to", 0, "number of the version, as get versions lists it")
	_ = rollback.MarkFlagRequired("to") // fails only for a flag that does not exist
	return rollback
}
