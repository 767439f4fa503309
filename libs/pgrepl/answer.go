package pgrepl

import (
	"bytes"
	"encoding/binary"

	"github.com/calypso-cdc/calypso/libs/banner"
)

// askTLS is the first message of a client that wants TLS.
var askTLS = []byte{0, 0, 0, 8, 4, 210, 22, 47}

// whose judges whether a server whose answer begins with said is PostgreSQL, or speaks its
// protocol. PostgreSQL answers a request for TLS with one byte, S or N; after S comes TLS.
// Otherwise its answer begins with a message of its protocol or, if it cannot start a process for
// the client, with E and a line of text (PostgreSQL's report_fork_failure_to_client).
func whose(said []byte, asksTLS bool) banner.Verdict {
	switch {
	case len(said) == 0:
		return banner.Unknown
	case said[0] == 'E':
		return whoseError(said)
	case asksTLS && said[0] == 'N':
		return verdict(len(said) == 1)
	case asksTLS && said[0] == 'S':
		if len(said) == 1 {
			return banner.Unknown
		}
		return verdict(said[1] >= 0x14 && said[1] <= 0x17) // the types of TLS records
	case asksTLS || !bytes.ContainsRune([]byte("RNSv"), rune(said[0])):
		return banner.Other
	case len(said) < 5:
		return banner.Unknown
	}
	return verdict(plausible(said))
}

func whoseError(said []byte) banner.Verdict {
	if len(said) < 5 {
		return banner.Unknown
	}
	return verdict(plausible(said))
}

// plausible reports whether a message's length is possible for its type.
func plausible(message []byte) bool {
	length := binary.BigEndian.Uint32(message[1:])
	return length >= 4 && length <= maxGreeting
}

func verdict(meant bool) banner.Verdict {
	if meant {
		return banner.Meant
	}
	return banner.Other
}
