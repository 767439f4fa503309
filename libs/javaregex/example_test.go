package javaregex_test

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/javaregex"
)

func ExampleCompile() {
	p, err := javaregex.Compile(`(?<schema>\w+)\.(?!audit_)\w++`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Matches("shop.orders"), p.Matches("shop.audit_log"))
	// Output: true false
}

func ExamplePattern_ReplaceFirst() {
	p, _ := javaregex.Compile(`([^.]+)\.([^.]+)\.([^.]+)`)
	with, err := p.Replacement("$3")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.ReplaceFirst("server.shop.orders", with))
	// Output: orders
}

func ExampleParseList() {
	tables, err := javaregex.ParseList(`shop\.order.*, Shop\.customers`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tables.Match("shop.orders"), tables.Match("shop.customers"), tables.Match("shop.customers_old"))
	// Output: true true false
}
