package spelling_test

import (
	"fmt"
	"slices"

	"github.com/calypso-cdc/calypso/libs/spelling"
)

func ExampleNearest() {
	keys := []string{"slot.name", "plugin.name", "publication.name"}
	fmt.Println(spelling.Nearest("slot.nmae", slices.Values(keys)))
	fmt.Printf("%q\n", spelling.Nearest("heartbeat.interval.ms", slices.Values(keys)))
	// Output:
	// slot.name
	// ""
}
