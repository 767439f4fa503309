package classname_test

import (
	"fmt"
	"slices"

	"github.com/calypso-cdc/calypso/libs/classname"
)

func ExampleFind() {
	classes := []string{"org.apache.kafka.connect.json.JsonConverter", "io.confluent.connect.avro.AvroConverter"}
	fmt.Println(classname.Find("Json", "Converter", slices.Values(classes)))
	fmt.Println(classname.Find("org.example.JsonConverter", "Converter", slices.Values(classes)))
	// Output:
	// org.apache.kafka.connect.json.JsonConverter true
	//  false
}
