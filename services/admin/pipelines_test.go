package admin

import "testing"

func TestASinkBelongsToTheSourceWhoseTopicsItReads(t *testing.T) {
	source := map[string]string{"database.server.name": "myserver"}
	for name, test := range map[string]struct {
		sink map[string]string
		used []string
		want bool
	}{
		"by prefix, before anything is written": {map[string]string{"topics": "other, myserver.retail.orders_info"}, nil,
			true},
		"by a topic used": {map[string]string{"topics": "renamed"}, []string{"renamed"}, true},
		"by pattern":      {map[string]string{"topics.regex": "my.*"}, []string{"myserver.a"}, true},
		"another server": {map[string]string{"topics": "myserver2.retail.orders_info"},
			[]string{"myserver.a"}, false},
		"a pattern that matches in part": {map[string]string{"topics.regex": "server"}, []string{"myserver.a"}, false},
		"a pattern that is none":         {map[string]string{"topics.regex": "("}, []string{"("}, false},
		"nothing":                        {map[string]string{}, []string{""}, false},
	} {
		if got := reads(test.sink, source, test.used); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
