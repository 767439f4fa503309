module github.com/calypso-cdc/calypso/tests

go 1.26.0

require (
	github.com/calypso-cdc/calypso/gen v0.0.0
	github.com/calypso-cdc/calypso/libs v0.0.0
	github.com/calypso-cdc/calypso/services/admin v0.0.0
	github.com/calypso-cdc/calypso/services/calypso v0.0.0
	github.com/calypso-cdc/calypso/services/capture v0.0.0
	github.com/calypso-cdc/calypso/services/localadx v0.0.0
	github.com/calypso-cdc/calypso/services/orders-generator v0.0.0
	github.com/calypso-cdc/calypso/services/sink v0.0.0
)

replace github.com/calypso-cdc/calypso/gen => ../gen

replace github.com/calypso-cdc/calypso/libs => ../libs

replace github.com/calypso-cdc/calypso/services/admin => ../services/admin

replace github.com/calypso-cdc/calypso/services/capture => ../services/capture

replace github.com/calypso-cdc/calypso/services/localadx => ../services/localadx

replace github.com/calypso-cdc/calypso/services/orders-generator => ../services/orders-generator

replace github.com/calypso-cdc/calypso/services/sink => ../services/sink

replace github.com/calypso-cdc/calypso/services/calypso => ../services/calypso
