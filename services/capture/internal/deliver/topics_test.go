package deliver

import (
	"strings"
	"testing"
)

func TestATopicCreationGroupThatCannotBeIsNamed(t *testing.T) {
	for want, c := range map[string]struct {
		names []string
		set   map[string]string
	}{
		"topic.creation.a.include":             {[]string{"a"}, nil},
		"topic.creation.a.partitions":          {[]string{"a"}, map[string]string{"a.include": "x", "a.partitions": "0"}},
		"topic.creation.default.replication":   {nil, map[string]string{"default.replication.factor": "many"}},
		"named twice":                          {[]string{"a", "a"}, map[string]string{"a.include": "x"}},
		"topic.creation.a.exclude: \"(\" is n": {[]string{"a"}, map[string]string{"a.include": "x", "a.exclude": "("}},
	} {
		if _, err := ParseTopicGroups(c.names, c.set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want a word about %s", c.set, err, want)
		}
	}
}
