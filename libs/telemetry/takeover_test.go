package telemetry

import (
	"bytes"
	"encoding/json"
	"log"
	"testing"
)

func TestWhatLibrariesGiveToGosOwnLoggerIsALineOfTheLog(t *testing.T) {
	before, flags := log.Writer(), log.Flags()
	t.Cleanup(func() { log.SetOutput(before); log.SetFlags(flags) })
	var out bytes.Buffer
	service, err := Start(t.Context(), "capture", "v", WithLogOutput(&out))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Shutdown(t.Context()) })
	log.Printf("a server sent \x1b[31m%s", "bytes")
	var line struct{ Level, Msg, Service string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || bytes.ContainsRune(out.Bytes(), 0x1b) ||
		line.Level != "WARN" || line.Service != "capture" || line.Msg != "a server sent \x1b[31mbytes" {
		t.Errorf("%q (%v)", out.String(), err)
	}
}
