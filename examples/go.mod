module github.com/calypso-cdc/calypso/examples

go 1.26.0
