package command

import (
	"strings"
	"testing"
)

func TestEveryPatternIsWellFormedAndMeantOnlyOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, usage := range Reference() {
		if seen[usage.Pattern] {
			t.Errorf("%s is defined twice", usage.Pattern)
		}
		seen[usage.Pattern] = true
		if !strings.HasPrefix(usage.Pattern, ".") || usage.About == "" {
			t.Errorf("%q has no dot or no description", usage.Pattern)
		}
	}
}

func TestCommandsAreRecognised(t *testing.T) {
	g := newGrammar()
	for text, want := range map[string]string{
		".show tables details":                    ".show tables details",
		".SHOW Tables // all of them":             ".show tables",
		".show database schema":                   ".show database [ <database> ] schema",
		".show database ['my db'] schema as json": ".show database [ <database> ] schema as json",
		".create-merge table T (a:string, ['b c'] : real) with (folder = @'x\\y')": ".create-merge table <table> <columns:schema> [ with <options:props> ]",
		".ingest inline into table T with (format=json) <| {\"a\":1}":              ".ingest inline into table <table> [ with <options:props> ] <| <data:rest>",
		".create-or-alter function F(x:long) { T | where a == '}' }":               ".create-or-alter function [ with <options:props> ] <function> <params:params> <body:body>",
		".alter column ['T'].['c d'] type=long":                                    ".alter column <column:column> type = <type>",
		".show table T extents where tags has 'x' | count":                         ".show table <table> extents where tags {how:has|contains} <tag:string>",
		".set-or-append async T with (tags='[\"a\"]') <| print 1":                  ".set-or-append async <table> [ with <options:props> ] <| <query:rest>",
	} {
		d, _, _, err := g.parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if d.pattern != want {
			t.Errorf("%s is taken for %s, want %s", text, d.pattern, want)
		}
	}
}

func TestArgumentsAreRead(t *testing.T) {
	_, args, pipe, err := newGrammar().parse(".show table ['a b'] extents | where Tags has 'x'")
	if err != nil || args.Text("table") != "a b" || pipe != " where Tags has 'x'" {
		t.Errorf("table %q, pipe %q, %v", args.Text("table"), pipe, err)
	}
	_, args, _, err = newGrammar().parse(
		".create function with (docstring='it\\'s', folder=\"f\") F(x:string=')') { print '{' }")
	if err != nil || args.Text("params") != "(x:string=')')" || args.Text("body") != "{ print '{' }" ||
		args.options["options"]["docstring"] != "it's" {
		t.Errorf("%+v, %v", args, err)
	}
	_, args, _, err = newGrammar().parse(
		".ingest inline into table T with (creationTime=datetime(2020-01-02), ignoreFirstRecord=true) <| a,b\nc")
	if err != nil || args.options["options"]["creationtime"] != "2020-01-02" || args.Text("data") != "a,b\nc" {
		t.Errorf("%+v, %v", args, err)
	}
}

// FuzzParse checks that no text makes the parser panic or hang, and that errors point into the text.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		".show tables", ".create table T (a:string)", ".alter column T.c type=long", ".set T <| x", "['",
		".create function f() {", "@'", "```",
		".show database ['x'] policy retention | take 1", ".alter table T policy caching hot = 1d",
		".drop extents ('a') from T",
	} {
		f.Add(seed)
	}
	g := newGrammar()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		if _, _, _, err := g.parse(text); err == nil && !strings.Contains(text, ".") {
			t.Errorf("%q is taken for a command", text)
		}
		splitScript(text)
	})
}
