// Package version says which build of a program runs.
package version

import (
	"cmp"
	"fmt"
	"runtime/debug"
)

// development is the version of programs that are linked without one.
const development = "development"

// Line returns what --version prints for a program and the version that its linker was given, such
// as "capture v1.2.0 (commit 5f3a…, go1.26.0)". The commit is unknown if the program was built
// outside its repository.
func Line(program, linked string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return line(program, linked, info)
}

func line(program, linked string, info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	commit := cmp.Or(settings["vcs.revision"], "unknown")
	if settings["vcs.modified"] == "true" {
		commit += ", changed since"
	}
	if module := info.Main.Version; linked == development && module != "" && module != "(devel)" { // go install …@version
		linked = module
	}
	return fmt.Sprintf("%s %s (commit %s, %s)", program, linked, commit, cmp.Or(info.GoVersion, "unknown Go"))
}
