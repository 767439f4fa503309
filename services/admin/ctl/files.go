package ctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

// mask is what the service shows instead of a literal secret; given back it means "unchanged".
const mask = "********"

// document is one connector in a file. Its two fields are those of Kafka Connect's POST /connectors, so that the JSON
// files of Kafka Connect are read as they are.
type document struct {
	Name   string        `yaml:"name"`
	Config configuration `yaml:"config"`
}

// configuration is a flat map whose values are written as they are in the file: a number stays as it was typed.
type configuration map[string]string

// UnmarshalYAML takes scalars of any kind.
func (c *configuration) UnmarshalYAML(node *yaml.Node) error {
	var values map[string]yaml.Node
	if err := node.Decode(&values); err != nil {
		return err
	}
	*c = configuration{}
	for key, value := range values {
		if value.Kind != yaml.ScalarNode || value.Tag == "!!null" {
			return fmt.Errorf("line %d: the value of %s must be text, a number, true or false", value.Line, key)
		}
		(*c)[key] = value.Value
	}
	return nil
}

// readDocuments reads the documents of a file, separated by lines of ---.
func readDocuments(s *session, path string) (documents []document, err error) {
	content, err := s.read(path)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	for {
		var d document
		err := decoder.Decode(&d)
		if errors.Is(err, io.EOF) {
			break
		}
		if _, other := errors.AsType[*yaml.TypeError](err); other {
			return nil, fmt.Errorf("%w: read %s: %s", errUsage, path,
				strings.ReplaceAll(err.Error(), "into ctl.document", "into a connector, which has name and config"))
		}
		if err != nil {
			return nil, fmt.Errorf("%w: read %s: %w", errUsage, path, err)
		}
		if d.Name == "" || len(d.Config) == 0 {
			return nil, fmt.Errorf("%w: %s: each connector needs name and config", errUsage, path)
		}
		documents = append(documents, d)
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("%w: %s holds no connector", errUsage, path)
	}
	return documents, nil
}

// currentConfiguration is a connector's configuration without its name; nil if there is no such connector.
func currentConfiguration(ctx context.Context, s *session, name string) (map[string]string, error) {
	r, err := s.connectors().GetConnector(ctx, &connectorv1.GetConnectorRequest{Name: name})
	if status.Code(err) == codes.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	delete(r.Connector.Config, "name")
	return r.Connector.Config, nil
}

// difference writes how a document differs from the present configuration, with one line for each
// key: + added, - removed, ~ changed. Secrets, which the service does not show, count as equal.
func difference(d document, current map[string]string) string {
	if current == nil {
		return fmt.Sprintf("+ connector %s\n", d.Name)
	}
	var lines strings.Builder
	keys := map[string]bool{}
	for key := range d.Config {
		keys[key] = true
	}
	for key := range current {
		keys[key] = true
	}
	delete(keys, "name")
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		want, wanted := d.Config[key]
		is, there := current[key]
		switch {
		case !there:
			fmt.Fprintf(&lines, "+ %s: %s\n", key, want)
		case !wanted:
			fmt.Fprintf(&lines, "- %s: %s\n", key, is)
		case want != is && is != mask:
			fmt.Fprintf(&lines, "~ %s: %s -> %s\n", key, is, want)
		}
	}
	if lines.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("connector %s\n%s", d.Name, lines.String())
}

func diffCommand(s *session) *cobra.Command {
	var file string
	diff := &cobra.Command{
		Use:   "diff -f FILE",
		Short: "Show how connectors differ from a file and what applying it leads to; exit status 1 if they do",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			documents, err := readDocuments(s, file)
			if err != nil {
				return err
			}
			var all strings.Builder
			for _, d := range documents {
				said, err := planOf(cmd.Context(), s, d)
				if err != nil {
					return err
				}
				all.WriteString(said)
			}
			if all.Len() == 0 {
				return nil
			}
			fmt.Fprint(s.out, all.String())
			return errDifferent
		},
	}
	fileFlag(diff, &file)
	return diff
}

func applyCommand(s *session) *cobra.Command {
	var file string
	var dry, unchecked bool
	apply := &cobra.Command{
		Use: "apply -f FILE", Short: "Create or change connectors as a file says; those that are already so are not touched",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			documents, err := readDocuments(s, file)
			if err != nil {
				return err
			}
			follow := applyOne
			if dry {
				follow = showOne
			}
			for _, d := range documents {
				if err := follow(cmd.Context(), s, d, !unchecked); err != nil {
					return err
				}
			}
			return nil
		},
	}
	fileFlag(apply, &file)
	apply.Flags().BoolVar(&unchecked, "no-checks", false,
		"do not check source, target and Kafka first, for instance because they do not exist yet")
	apply.Flags().BoolVar(&dry, "dry-run", false, "only check the configurations, and show what would be done")
	return apply
}

// change is what a document would do to its connector: "created", "changed" or, with nothing to do, "".
func change(ctx context.Context, s *session, d document) (string, *connectorv1.PlanConnectorConfigResponse, error) {
	plan, err := s.connectors().PlanConnectorConfig(ctx,
		&connectorv1.PlanConnectorConfigRequest{Name: d.Name, Config: d.Config})
	switch {
	case err != nil:
		return "", nil, err
	case plan.Creates:
		return "created", plan, nil
	case len(plan.Changes) > 0:
		return "changed", plan, nil
	}
	_, err = fmt.Fprintf(s.out, "%s unchanged\n", d.Name)
	return "", nil, err
}

// showOne prints what applyOne would do with a document, and what the checks find if checked is
// true.
func showOne(ctx context.Context, s *session, d document, checked bool) error {
	done, plan, err := change(ctx, s, d)
	if err != nil || done == "" {
		return err
	}
	fmt.Fprintf(s.out, "%s would be %s\n", d.Name, done)
	if checked {
		plan.Warnings = nil // the checks say them
	}
	if !plan.Creates {
		fmt.Fprint(s.out, planned(d.Name, plan))
	}
	if checked {
		return validateDocument(ctx, s, d)
	}
	return nil
}

// applyOne creates or changes one connector as its document says, after checking its source or
// target if checked is true.
func applyOne(ctx context.Context, s *session, d document, checked bool) error {
	done, _, err := change(ctx, s, d)
	if err != nil || done == "" {
		return err
	}
	r, err := s.connectors().UpdateConnectorConfig(ctx,
		&connectorv1.UpdateConnectorConfigRequest{Name: d.Name, Config: d.Config, Check: checked})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s %s\n", d.Name, done)
	for _, w := range r.Warnings {
		fmt.Fprintf(s.out, "  warning: %s\n", w)
	}
	return nil
}

// validateDocument prints what the service's checks found. It returns an error if a configuration
// would not work.
func validateDocument(ctx context.Context, s *session, d document) error {
	config := maps.Clone(d.Config)
	config["name"] = d.Name
	r, err := s.connectors().ValidateConfig(ctx, &connectorv1.ValidateConfigRequest{Plugin: d.Config["connector.class"],
		Config: config})
	if err != nil {
		return err
	}
	failed := false
	for _, v := range r.Values {
		for _, problem := range v.Errors {
			failed = true
			fmt.Fprintf(s.out, "  error: %s\n", problem)
		}
		for _, w := range v.Warnings {
			fmt.Fprintf(s.out, "  warning: %s\n", w)
		}
	}
	for _, c := range r.Checks {
		said := connector.Check{Detail: c.Detail, Remedy: c.Remedy}.Said()
		switch {
		case !c.Ok:
			failed = true
			fmt.Fprintf(s.out, "  error: %s: %s\n", c.Name, said)
		case c.Remedy != "":
			fmt.Fprintf(s.out, "  note: %s: %s\n", c.Name, said)
		}
	}
	if failed {
		return status.Errorf(codes.InvalidArgument, "%s does not validate", d.Name)
	}
	return nil
}

func exportCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:               "export [CONNECTOR…]",
		Short:             "Write connectors as a file that apply takes; secrets are masked, and apply leaves them as they are",
		ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, names []string) error {
			all, missing, err := exported(cmd.Context(), s, names)
			if err != nil {
				return err
			}
			encoder := yaml.NewEncoder(s.out)
			encoder.SetIndent(2)
			for _, c := range all {
				delete(c.Config, "name")
				if err := encoder.Encode(document{Name: c.Name, Config: c.Config}); err != nil {
					return fmt.Errorf("write YAML: %w", err)
				}
			}
			return errors.Join(encoder.Close(), missing)
		},
	}
}

// exported are the connectors with the names given, or all. What is missing of all is an error of its own.
func exported(ctx context.Context, s *session, names []string) (all []*connectorv1.Connector, missing, err error) {
	if len(names) == 0 {
		r, err := s.connectors().ListConnectors(ctx, &connectorv1.ListConnectorsRequest{ReturnPartialSuccess: true})
		return r.GetConnectors(), lacking(r.GetUnreachable()), err
	}
	for _, name := range names {
		r, err := s.connectors().GetConnector(ctx, &connectorv1.GetConnectorRequest{Name: name})
		if err != nil {
			return nil, nil, err
		}
		all = append(all, r.Connector)
	}
	return all, nil, nil
}

func fileFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "file", "f", "", "YAML or JSON file of connectors (name, config); - is standard input")
	_ = cmd.MarkFlagRequired("file") // fails only for a flag that does not exist
}
