package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/config"
)

func TestFlagsAreReadAsThoseOfTheOtherPrograms(t *testing.T) {
	t.Setenv("LOCALADX_MAX_BATCHING_TIME", "3s")
	t.Setenv("LOCALADX_NAMES", "a, b")
	t.Setenv("LOCALADX_ROLES", "")
	var s settings
	if _, err := program.Load(&s, []string{"-database", "shop,other", "--http=:1", "--log-level", "debug"}); err != nil {
		t.Fatal(err)
	}
	c, err := s.config()
	if err != nil || c.HTTPAddr != ":1" || c.HTTPSAddr != "localhost:8443" || len(c.Databases) != 2 || len(c.Names) != 2 ||
		c.MaxBatchingTime.String() != "3s" || c.DiskReserve != 256<<20 || c.MaxResultRows != 500_000 {
		t.Errorf("the configuration is %+v, %v", c, err)
	}
	for args, want := range map[string]string{
		"--databse=x": "--databse: there is no such flag; did you mean --database?", "serve": `"serve" is not a flag`,
		"--threads=many": `--threads: "many" is not a whole number`,
	} {
		if _, err := program.Load(new(settings), []string{args}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
	if _, err := program.Load(new(settings), []string{"-version"}); !errors.Is(err, config.ErrHelp) {
		t.Errorf("-version: %v", err)
	}
}
