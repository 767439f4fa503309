module github.com/calypso-cdc/calypso/services/capture

go 1.26.0

require (
	github.com/calypso-cdc/calypso/gen v0.0.0
	github.com/calypso-cdc/calypso/libs v0.0.0
)

replace github.com/calypso-cdc/calypso/gen => ../../gen

replace github.com/calypso-cdc/calypso/libs => ../../libs
