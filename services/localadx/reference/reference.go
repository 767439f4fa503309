// Package reference writes docs/localadx.md: what localadx supports, from the code's own tables, so
// that the page cannot promise what is not there.
package reference

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/calypso-cdc/calypso/services/localadx/command"
	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
	"github.com/calypso-cdc/calypso/services/localadx/ingest"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
)

//go:generate sh -c "go run ../cmd/localadx reference > ../../../docs/localadx.md"

//go:embed page.md.tmpl
var page string

// Write writes the page.
func Write(w io.Writer) error {
	functions := template.FuncMap{
		"cell": func(text string) string { return strings.ReplaceAll(text, "|", `\|`) },
		"list": func(names []string) string { return "`" + strings.Join(names, "` `") + "`" },
	}
	t, err := template.New("page").Funcs(functions).Parse(page)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	data := map[string]any{
		"Traits":     fidelity.Traits(),
		"Commands":   command.Reference(),
		"Policies":   command.Policies(),
		"Formats":    texts(ingest.Formats()),
		"Transforms": texts(ingest.Transforms()),
		"KQL":        kql.SupportedNames(),
	}
	if err := t.Execute(w, data); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

func texts[T ~string](names []T) []string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = string(n)
	}
	return list
}
