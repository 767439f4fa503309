// Package config fills a service's settings from flags, then environment variables, then defaults,
// all declared by one struct. It is strict: an unknown flag, an argument that is not a flag and a
// value of the wrong form are errors, and all errors are reported together.
//
// A field is declared by its tags:
//
//	Brokers  []string      `name:"bootstrap-servers" env:"BOOTSTRAP_SERVERS" default:"localhost:9092" help:"Kafka brokers, …"`
//	Password config.Secret `name:"sasl-password" help:"…"`
//
// The flag is --<name>. The environment variable is CALYPSO_<NAME> with underscores; env lists
// further names, which are looked up after it. <VARIABLE>_FILE may hold the path of a file with the
// value instead. A Secret has no flag of its own, since others can see command lines; it has
// --<name>-file, and the variables. A struct field without a name tag is a section: its fields are
// settings too, under the prefix of its prefix tag, if any. A settings struct, or a section of it,
// may have a method Validate() error, whose errors are joined to the others.
package config
