package banner_test

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/banner"
)

func ExampleDescribe() {
	fmt.Println(banner.Describe([]byte("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")))
	// Output: an SSH server, which says "SSH-2.0-OpenSSH_9.2p1 Debian-2"
}
