package catalogue

import (
	"slices"
	"strings"
)

// Effect is the kind of a consequence.
type Effect string

const (
	// TasksRestart is the effect of every change.
	TasksRestart Effect = "TASKS_RESTART"
	// NewSlot, NewPublication and PositionLost concern how a source goes on.
	NewSlot        Effect = "NEW_SLOT"
	NewPublication Effect = "NEW_PUBLICATION"
	PositionLost   Effect = "POSITION_LOST"
	StreamStops    Effect = "STREAM_STOPS"
	ReadAgain      Effect = "READ_AGAIN"
	// NewTopics to NewTarget say what is read or written elsewhere, newly, or no longer.
	NewTopics     Effect = "NEW_TOPICS"
	NewOffsets    Effect = "NEW_OFFSETS"
	TablesAdded   Effect = "TABLES_ADDED"
	TablesRemoved Effect = "TABLES_REMOVED"
	TopicsAdded   Effect = "TOPICS_ADDED"
	TopicsRemoved Effect = "TOPICS_REMOVED"
	NewTarget     Effect = "NEW_TARGET"
	// RowsChange and KeysChange concern what records and rows look like.
	RowsChange Effect = "ROWS_CHANGE"
	KeysChange Effect = "KEYS_CHANGE"
	// Guarantee concerns how often a row is delivered.
	Guarantee Effect = "GUARANTEE"
	// NoEffectYet means that the change takes effect later or not at all.
	NoEffectYet Effect = "NO_EFFECT_YET"
)

// Consequence is what a change of a key's value leads to, besides a restart of the tasks.
type Consequence struct {
	Effect Effect
	// Doc says what happens and what to do about it, in sentences.
	Doc string
	// When reports whether the change leads to it, given both configurations as the catalogue's
	// Reading reads them; see Case. If nil, any change of the value does.
	When func(before, after any) bool
	// Items is a condition on the items of the key's own list, such as Gains.
	Items func(before, after []string) bool
}

// Case is a condition on the settings of a connector before and after a change.
func Case[S any](holds func(before, after S) bool) func(before, after any) bool {
	return func(before, after any) bool { return holds(before.(S), after.(S)) }
}

// Following is a consequence of a change with the keys that lead to it.
type Following struct {
	Consequence Consequence
	Keys        []string
}

// Consequences returns what a change from one configuration to another leads to, in the order in
// which the keys are declared. A consequence of several keys is listed once. Setting a key to its
// default, or by another of its names, is no change.
func (c *Catalogue) Consequences(before, after Values) []Following {
	var all []Following
	var was, is any
	if c.settings != nil {
		was, is = c.settings(before), c.settings(after)
	}
	for _, key := range c.keys {
		changed := key.changes(before, after)
		for _, consequence := range key.Consequences {
			if key.Unsupported != "" || len(changed) == 0 || consequence.When != nil && !consequence.When(was, is) ||
				consequence.Items != nil && !consequence.Items(before.List(key.Name), after.List(key.Name)) {
				continue
			}
			at := slices.IndexFunc(all, func(f Following) bool {
				return f.Consequence.Effect == consequence.Effect && f.Consequence.Doc == consequence.Doc
			})
			if at < 0 {
				at = len(all)
				all = append(all, Following{Consequence: consequence})
			}
			all[at].Keys = append(all[at].Keys, changed...)
		}
	}
	return all
}

// changes returns the name of the key, or the names of the family's members, whose values differ.
func (k Key) changes(before, after Values) []string {
	prefix, family := strings.CutSuffix(k.Name, "*")
	if !family {
		was, had := before.given[k.Name]
		is, has := after.given[k.Name]
		if had == has && k.same(was, is) || k.same(before.String(k.Name), after.String(k.Name)) && !k.presenceCounts() {
			return nil
		}
		return []string{k.Name}
	}
	was, is := before.WithPrefix(prefix), after.WithPrefix(prefix)
	var changed []string
	for name := range is {
		if old, had := was[name]; !had || !k.same(old, is[name]) {
			changed = append(changed, prefix+name)
		}
	}
	for name := range was {
		if _, has := is[name]; !has {
			changed = append(changed, prefix+name)
		}
	}
	slices.Sort(changed)
	return slices.DeleteFunc(changed, func(name string) bool {
		declared, _ := before.catalogue.Lookup(name)
		return declared.Name != k.Name // a key of its own, such as key.converter.plugin.version
	})
}

// presenceCounts reports whether every consequence has a condition of its own: such conditions may
// distinguish a default that is set from one that is not.
func (k Key) presenceCounts() bool {
	return !slices.ContainsFunc(k.Consequences, func(c Consequence) bool { return c.When == nil && c.Items == nil })
}

// same compares two values as they are read.
func (k Key) same(a, b string) bool {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	if k.Type == Boolean || len(k.Allowed) > 0 {
		return strings.EqualFold(a, b)
	}
	return a == b
}

// Gains is a condition on a list that restricts unless it is empty: it has items that it did not have, or no longer
// restricts.
func Gains(before, after []string) bool {
	if len(before) == 0 || len(after) == 0 {
		return len(after) < len(before)
	}
	return Grows(before, after)
}

// Loses is a condition on a list that restricts unless it is empty: it no longer has items that it had, or begins to
// restrict.
func Loses(before, after []string) bool { return Gains(after, before) }

// Grows is a condition on any other list: it has items that it did not have.
func Grows(before, after []string) bool {
	return slices.ContainsFunc(after, func(item string) bool { return !slices.Contains(before, item) })
}

// Shrinks is a condition on any other list: it no longer has items that it had.
func Shrinks(before, after []string) bool { return Grows(after, before) }
