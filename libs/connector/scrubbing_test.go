package connector

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestTheLogOfATaskHidesItsSecrets(t *testing.T) {
	var log bytes.Buffer
	l := slog.New(scrubbing{slog.NewJSONHandler(&log, nil), secretValues{"canary"}})
	l.With("at", "canary").WithGroup("g").Info("said canary", "err", errors.New("to canary"), slog.Group("in", "x", "canary"), "url", "http://u:other@h", "n", 5)
	if text := log.String(); strings.Contains(text, "canary") || strings.Contains(text, "other") || strings.Count(text, "********") != 5 || !strings.Contains(text, `"n":5`) {
		t.Error(text)
	}
}
