// Package config fills a service's settings from flags, then environment variables, then defaults, all declared by one
// struct. It is strict: an unknown flag, an argument that is no flag and a value of the wrong form are errors, and all
// faults are reported together.
//
// A field is declared by its tags:
//
//	Brokers  []string      `name:"bootstrap-servers" env:"BOOTSTRAP_SERVERS" default:"localhost:9092" help:"Kafka brokers, …"`
//	Password config.Secret `name:"sasl-password" help:"…"`
//
// The flag is --<name>. The environment variable is CALYPSO_<NAME> with underscores; env lists
// further names, which are asked after it. A value that is given in a file is read from the path in
// <VARIABLE>_FILE. A Secret has no flag of its own, since command lines are visible to others; it
// has --<name>-file, and the variables. A struct field without a name tag is a section: its fields
// are settings too, under the prefix of its prefix tag, if any. A settings struct, or a section of
// it, may have a method Validate() error, whose faults are joined to the others.
package config
