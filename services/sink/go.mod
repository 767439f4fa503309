module github.com/calypso-cdc/calypso/services/sink

go 1.26.0

require (
	github.com/calypso-cdc/calypso/gen v0.0.0
	github.com/calypso-cdc/calypso/libs v0.0.0
)

require pgregory.net/rapid v1.3.0 // indirect

replace github.com/calypso-cdc/calypso/gen => ../../gen

replace github.com/calypso-cdc/calypso/libs => ../../libs
