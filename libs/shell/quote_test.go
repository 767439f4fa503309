package shell

import (
	"os/exec"
	"testing"
)

func TestAShellPassesAQuotedWordOnAsItIs(t *testing.T) {
	for _, word := range []string{"", "orders", "public.orders", `public."Mixed"`, "it's", "$HOME", "`id`", "a b", "a\tb\nc",
		`back\slash`, "*", "?", "~", "a;b", "a&b|c", "<connector>", "#x", "!x", "(x)", "{a,b}", "ä€", "'", "''", `"`, "a=b"} {
		out, err := exec.Command("sh", "-c", "printf %s "+Quote(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("Quote(%q) = %s, of which a shell makes %q (%v)", word, Quote(word), out, err)
		}
	}
}

func TestAPlainWordIsNotQuoted(t *testing.T) {
	for _, word := range []string{"orders", "public.orders_info", "pg-orders-source", "topic:1"} {
		if got := Quote(word); got != word {
			t.Errorf("Quote(%q) = %s", word, got)
		}
	}
}
