package catalogue

import (
	"slices"
	"strings"
)

// Effect is the kind of what a change of a configuration leads to.
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
	// NewTopics to TopicsRemoved say what is read or written elsewhere, newly or no more.
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
	// NoEffectYet says that the change counts later or not at all.
	NoEffectYet Effect = "NO_EFFECT_YET"
)

// Consequence is what a change of a key's value leads to, besides that the tasks start again.
type Consequence struct {
	Effect Effect
	// Doc says what happens and what to do about it, in sentences.
	Doc string
	// When reports whether the change leads to it; if it is nil, any change of the value does.
	When func(before, after Values) bool
}

// Following is a consequence of a change with the keys that lead to it.
type Following struct {
	Consequence
	Keys []string
}

// Consequences are what a change from one configuration to another leads to, in the order of the keys' declaration.
// What several keys lead to is there once. Setting a key to its default, or by another of its names, is no change.
func (c *Catalogue) Consequences(before, after Values) []Following {
	var all []Following
	for _, key := range c.keys {
		changed := key.changes(before, after)
		for _, consequence := range key.Consequences {
			if key.Unsupported != "" || len(changed) == 0 || consequence.When != nil && !consequence.When(before, after) {
				continue
			}
			at := slices.IndexFunc(all, func(f Following) bool {
				return f.Effect == consequence.Effect && f.Doc == consequence.Doc
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

// changes are the names of the key, or of the members of the family, whose values differ.
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

// presenceCounts reports whether every consequence has a condition of its own, which may tell a default that is set
// from one that is not.
func (k Key) presenceCounts() bool {
	return !slices.ContainsFunc(k.Consequences, func(c Consequence) bool { return c.When == nil })
}

// same compares two values as they are read.
func (k Key) same(a, b string) bool {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	if k.Type == Boolean || len(k.Allowed) > 0 {
		return strings.EqualFold(a, b)
	}
	return a == b
}

// ListGains is a condition: the list has items that it did not have, or no longer restricts.
func ListGains(name string) func(before, after Values) bool {
	return func(before, after Values) bool { return gains(before.List(name), after.List(name)) }
}

// ListLoses is a condition: the list no longer has items that it had, or begins to restrict.
func ListLoses(name string) func(before, after Values) bool {
	return func(before, after Values) bool { return gains(after.List(name), before.List(name)) }
}

// gains compares lists that restrict unless they are empty.
func gains(before, after []string) bool {
	if len(before) == 0 || len(after) == 0 {
		return len(after) < len(before)
	}
	return slices.ContainsFunc(after, func(item string) bool { return !slices.Contains(before, item) })
}

// ListGrows is a condition on a list of exclusions: it has items that it did not have.
func ListGrows(name string) func(before, after Values) bool {
	return func(before, after Values) bool { return grows(before.List(name), after.List(name)) }
}

// ListShrinks is a condition on a list of exclusions: it no longer has items that it had.
func ListShrinks(name string) func(before, after Values) bool {
	return func(before, after Values) bool { return grows(after.List(name), before.List(name)) }
}

func grows(before, after []string) bool {
	return slices.ContainsFunc(after, func(item string) bool { return !slices.Contains(before, item) })
}
