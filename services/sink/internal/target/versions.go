package target

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"
)

// columnsBefore are the columns that the source's table ever had, by the versions that the source
// connector keeps. Topics that another program writes have none.
func (c *Cluster) columnsBefore(ctx context.Context, topic string) map[string]bool {
	names := map[string]bool{}
	for _, v := range c.versions(ctx, []string{topic})[topic] {
		for _, column := range v.Columns {
			names[column.Name] = true
		}
	}
	return names
}

// tableVersion is what the versions topic holds of a version, as far as it matters here.
type tableVersion struct {
	Table   string `json:"table"`
	Number  int    `json:"version"`
	Columns []struct {
		Name string `json:"name"`
	} `json:"columns"`
	From struct {
		Time time.Time `json:"time"`
	} `json:"from"`
}

// versions are the versions of the tables whose rows topics have, oldest first; none if they cannot
// be read, which is not an error.
func (c *Cluster) versions(ctx context.Context, topics []string) map[string][]tableVersion {
	if c.Env.Schemas.AllVersions == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	values, err := c.Env.Schemas.AllVersions(ctx)
	if err != nil {
		return nil
	}
	endings := map[string][]string{} // what follows a dot of a topic's name may be a table
	for _, topic := range topics {
		for i, letter := range topic {
			if letter == '.' {
				endings[topic[i+1:]] = append(endings[topic[i+1:]], topic)
			}
		}
	}
	found := map[string][]tableVersion{}
	for _, value := range values {
		// Every task looks at all of them, so those of other tables are passed over by their beginning.
		if rest, ok := bytes.CutPrefix(value, []byte(`{"table":"`)); ok {
			if name, _, ok := bytes.Cut(rest, []byte{'"'}); ok && endings[string(name)] == nil {
				continue
			}
		}
		var v tableVersion
		if json.Unmarshal(value, &v) != nil {
			continue
		}
		for _, topic := range endings[v.Table] {
			found[topic] = append(found[topic], v)
		}
	}
	for _, all := range found {
		slices.SortFunc(all, func(a, b tableVersion) int {
			return cmp.Or(a.From.Time.Compare(b.From.Time), cmp.Compare(a.Number, b.Number))
		})
	}
	return found
}

// lostColumns are the columns that a table has by the last of its versions, and those that it ever
// had, and whether it has lost any.
func lostColumns(all []tableVersion) (now, ever []string, lost bool) {
	if len(all) == 0 || all[len(all)-1].Number == 1 {
		return nil, nil, false
	}
	for _, c := range all[len(all)-1].Columns {
		now = append(now, c.Name)
	}
	for _, v := range all {
		for _, c := range v.Columns {
			if !slices.Contains(ever, c.Name) {
				ever = append(ever, c.Name)
			}
		}
	}
	return now, ever, len(ever) != len(now)
}
