package catalogue

import (
	"fmt"
	"io"
	"strings"
)

// WriteReference writes the keys as a reference in Markdown: a table for each group, in the order
// of declaration, then the keys that are declared but not supported, each with the reason.
func (c *Catalogue) WriteReference(w io.Writer) error {
	var groups []string
	members := map[string][]Key{}
	var unsupported []Key
	for _, key := range c.keys {
		if key.Unsupported != "" {
			unsupported = append(unsupported, key)
			continue
		}
		if _, known := members[key.Group]; !known {
			groups = append(groups, key.Group)
		}
		members[key.Group] = append(members[key.Group], key)
	}
	var page strings.Builder
	for _, group := range groups {
		title := group
		if title == "" {
			title = "General"
		}
		fmt.Fprintf(&page, "\n### %s\n\n| key | type | default | what it does |\n|---|---|---|---|\n", title)
		for _, key := range members[group] {
			fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", key.Name, strings.ToLower(string(key.Type)), key.defaultCell(),
				cell(key.description()))
		}
	}
	if len(unsupported) > 0 {
		page.WriteString(
			"\n### Declared but not supported\n\nSetting one of these gives a warning, or an error where the events would differ.\n\n| key | why |\n|---|---|\n")
		for _, key := range unsupported {
			fmt.Fprintf(&page, "| `%s` | %s |\n", key.Name, cell(key.Unsupported))
		}
	}
	_, err := io.WriteString(w, page.String())
	return err
}

// defaultCell is the default as the reference shows it.
func (k Key) defaultCell() string {
	switch {
	case k.Required:
		return "required"
	case k.Default == nil:
		return ""
	case *k.Default == "":
		return "empty"
	default:
		return "`" + strings.ReplaceAll(*k.Default, "|", `\|`) + "`"
	}
}

// description is Doc with the accepted values, older spellings and what a change leads to.
func (k Key) description() string {
	text := k.Doc
	if len(k.Allowed) > 0 {
		text += " One of `" + strings.Join(k.Allowed, "`, `") + "`."
	}
	if len(k.Aliases) > 0 {
		text += " Also written `" + strings.Join(k.Aliases, "`, `") + "`."
	}
	for _, consequence := range k.Consequences {
		text += " *When it changes:* " + consequence.Doc
	}
	return text
}

// cell makes text fit one cell of a Markdown table; names in angle brackets would otherwise vanish as markup.
func cell(text string) string {
	return strings.NewReplacer("\n", " ", "|", `\|`, "<", "&lt;", ">", "&gt;").Replace(strings.TrimSpace(text))
}
