package egress_test

import (
	"errors"
	"fmt"
	"net"

	"github.com/calypso-cdc/calypso/libs/egress"
)

func ExampleControl() {
	dialer := net.Dialer{Control: egress.Control}
	_, err := dialer.Dial("tcp", "169.254.169.254:80")
	var refused *egress.Refused
	fmt.Println(errors.As(err, &refused))
	// Output: true
}
