package pgrepl

import (
	"errors"
	"testing"
)

func TestTheCauseOfSeveralAttemptsIsSaidOnce(t *testing.T) {
	// pgconn joins the attempts with TLS and without, with words before the first alone.
	resolved := errors.New("hostname resolving error: lookup h: no such host\nlookup h: no such host")
	const want = "hostname resolving error: lookup h: no such host; connection refused"
	if got := (unmet{resolved, resolved, errors.New("connection refused")}).Error(); got != want {
		t.Errorf("%s", got)
	}
}
