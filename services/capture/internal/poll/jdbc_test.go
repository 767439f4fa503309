package poll

import (
	"strings"
	"testing"
)

func TestAURLOfPostgreSQLIsReadAndAnyOtherIsNamed(t *testing.T) {
	for text, says := range map[string]string{"jdbc:mysql://h/d": "PostgreSQL", "jdbc:postgresql://h": "database",
		"jdbc:postgresql://h/d?sslmode=on": "sslmode"} {
		if _, err := parseJDBC(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want a word about %s", text, err, says)
		}
	}
	if c, err := parseJDBC("jdbc:postgresql://a:1,b:2/d%20e?user=u&ssl=true"); err != nil || c.Host != "a:1,b:2" ||
		c.Database != "d e" || c.User != "u" || c.SSLMode != "verify-full" {
		t.Errorf("%+v, %v", c, err)
	}
}
