package catalogue_test

import (
	"fmt"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// clock is a connector's settings: each key says which field it fills.
type clock struct {
	interval time.Duration
	utc      bool
}

func (c *clock) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "interval.ms", Type: catalogue.Long, Default: catalogue.Default("1000"),
			Into: catalogue.Milliseconds(&c.interval), Doc: "Time in milliseconds between two records."},
		{Name: "zone", Type: catalogue.String, Default: catalogue.Default("utc"),
			Into: catalogue.OneOf(&c.utc, catalogue.Word[bool]{Text: "utc", Means: true}, catalogue.Word[bool]{Text: "local"}),
			Doc:  "Zone of the times."},
	}
}

func ExampleFill() {
	keys, err := catalogue.New(new(clock).keys())
	if err != nil {
		fmt.Println(err)
		return
	}
	values, warnings, problems := keys.Parse(map[string]string{"interval.ms": "250", "zones": "local"})
	fmt.Println(warnings, problems)
	var c clock
	if err := catalogue.Fill(values, c.keys()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.interval, c.utc)
	// Output:
	// [zones is not a known configuration key and has no effect; did you mean zone?] []
	// 250ms true
}
