package config_test

import (
	"fmt"
	"time"

	"github.com/calypso-cdc/calypso/libs/config"
)

func ExampleProgram_Load() {
	var settings struct {
		Brokers  []string      `name:"bootstrap-servers" env:"BOOTSTRAP_SERVERS" default:"localhost:9092" help:"Kafka brokers."`
		Interval time.Duration `name:"interval" default:"500ms" help:"Time between two looks."`
	}
	program := config.Program{
		Name:      "watch",
		LookupEnv: func(name string) (string, bool) { return "a:9092,b:9092", name == "BOOTSTRAP_SERVERS" },
		Environ:   func() []string { return nil },
	}
	if _, err := program.Load(&settings, []string{"--interval", "2s"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(settings.Brokers, settings.Interval)
	// Output: [a:9092 b:9092] 2s
}
