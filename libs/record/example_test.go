package record_test

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/record"
)

func ExampleConverterFrom() {
	converter, err := record.ConverterFrom(map[string]string{
		"value.converter":                "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable": "true",
	}, "value.converter", false)
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := converter.Encode(nil, "orders", record.OptionalOf(record.Int32), int32(533))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", data)
	schema, value, err := converter.Decode("orders", data)
	fmt.Println(schema.Type, schema.Optional, value, err)
	// Output:
	// {"schema":{"type":"int32","optional":true},"payload":533}
	// int32 true 533 <nil>
}

func ExampleDecimal() {
	price, err := record.ParseDecimal("-12.340")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v is %x with %d digits after the point\n", price, price.Unscaled(), price.Scale)
	// Output: -12.340 is cfcc with 3 digits after the point
}
