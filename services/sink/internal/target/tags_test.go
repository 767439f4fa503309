package target

import "testing"

func TestAPolicyThatForgetsTagsSoonerThanAskedForIsNoticed(t *testing.T) {
	for _, c := range []struct{ policy, wanted, shorter string }{
		{`[{"TagPrefix":"ingest-by:","RetentionPeriod":"1.00:00:00"}]`, "7.00:00:00", "1.00:00:00"},
		{`[{"TagPrefix":"ingest-by:","RetentionPeriod":"12:30:00"}]`, "1.00:00:00", "12:30:00"},
		{`[{"TagPrefix":"ingest-by:","RetentionPeriod":"7.00:00:00"}]`, "7.00:00:00", ""},
		{`[{"TagPrefix":"ingest-by:","RetentionPeriod":"30.00:00:00"}]`, "7.00:00:00", ""},
		{`[{"TagPrefix":"","RetentionPeriod":"1.00:00:00"}]`, "7.00:00:00", "1.00:00:00"},
		{`[{"TagPrefix":"drop-by:","RetentionPeriod":"1.00:00:00"}]`, "7.00:00:00", ""},
		{`[{"TagPrefix":"ingest-by:other","RetentionPeriod":"1.00:00:00"}]`, "7.00:00:00", ""},
		{`[{"TagPrefix":"ingest-by:","RetentionPeriod":"3.00:00:00"},{"TagPrefix":"ingest","RetentionPeriod":"2.00:00:00"}]`,
			"7.00:00:00", "2.00:00:00"},
		{`not JSON`, "7.00:00:00", ""},
		{`[{"TagPrefix":"ingest-by:","RetentionPeriod":"soon"}]`, "7.00:00:00", ""},
		{`[{"TagPrefix":"ingest-by:","RetentionPeriod":"1.00:00:00"}]`, "a week", ""},
	} {
		if got := shorterRetention(c.policy, c.wanted); got != c.shorter {
			t.Errorf("%s with tags.retention=%s: %q, want %q", c.policy, c.wanted, got, c.shorter)
		}
	}
}
