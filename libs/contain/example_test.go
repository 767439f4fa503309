package contain_test

import (
	"errors"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/contain"
)

func ExampleGroup() {
	group := contain.NewGroup()
	group.Go("reader of orders", func() error {
		var value any = "116"
		fmt.Println(value.(int)) // panics: it is a text
		return nil
	})
	var panicked *contain.Panic
	if err := group.Wait(); errors.As(err, &panicked) {
		fmt.Println(panicked.Name, "panicked:", panicked.Cause)
	}
	// Output: reader of orders panicked: interface conversion: interface {} is string, not int
}
