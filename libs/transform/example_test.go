package transform_test

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
)

func ExampleFromSettings() {
	chain, err := transform.FromSettings(map[string]string{
		"transforms":                   "route",
		"transforms.route.type":        "org.apache.kafka.connect.transforms.RegexRouter",
		"transforms.route.regex":       `server\.shop\.(.*)`,
		"transforms.route.replacement": "$1",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := chain.Apply(&record.Record{Topic: "server.shop.orders"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Topic)
	// Output: orders
}
