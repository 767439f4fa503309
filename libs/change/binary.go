package change

import (
	"encoding/base64"
	"encoding/hex"
)

// binaryValue is the Connect value of bytes under binary.handling.mode.
func (c *Config) binaryValue(b []byte) any {
	switch c.Binary {
	case BinaryBase64:
		return base64.StdEncoding.EncodeToString(b)
	case BinaryBase64URLSafe:
		return base64.URLEncoding.EncodeToString(b)
	case BinaryHex:
		return hex.EncodeToString(b)
	}
	return b
}
