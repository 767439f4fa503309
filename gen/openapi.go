// Package gen holds what is generated from proto/; this file, written by hand, hands out the OpenAPI document.
package gen

import _ "embed"

// OpenAPI is the OpenAPI 2.0 document of everything under /v1, as JSON.
//
//go:embed openapi/calypso.swagger.json
var OpenAPI []byte
