package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// pluginList is the parameter of PostgreSQL 14.24, 15.19, 16.15, 17.11, 18.6 and later that lists
// the output plugins that may be used. Older servers allow every installed plugin, and do not start
// with a parameter that they do not know.
const pluginList = "output_plugin_libraries"

// connectorPlugins are the plugins that connectors may use and that the parameter does not list by
// default.
var connectorPlugins = []string{"wal2json", "decoderbufs"}

// AllowPlugins returns the setting, as name and value, that lets connectors use their plugins on a
// server with these binaries, in addition to those that the configuration in the data directory dir
// lists; name is empty if the server has no such setting. Without a configuration in dir, the
// server's default is extended.
func AllowPlugins(ctx context.Context, bin, dir string) (name, value string, err error) {
	server := filepath.Join(bin, "postgres")
	known, err := output(exec.CommandContext(ctx, server, "--describe-config"))
	if err != nil {
		return "", "", fmt.Errorf("ask %s for the settings that it knows: %w", server, err)
	}
	setting := regexp.MustCompile(`(?m)^` + pluginList + `\t[^\t]*\t[^\t]*\t[^\t]*\t([^\t]*)`).FindStringSubmatch(known)
	if setting == nil {
		return "", "", nil
	}
	value = setting[1]
	if _, err := os.Stat(filepath.Join(dir, "postgresql.conf")); err == nil {
		// It must be the first argument if root runs it.
		if value, err = output(exec.CommandContext(ctx, server, "-C", pluginList, "-D", dir)); err != nil {
			return "", "", fmt.Errorf("ask for %s in the configuration in %s: %w", pluginList, dir, err)
		}
	}
	plugins := slices.DeleteFunc(append([]string{strings.TrimSpace(value)}, connectorPlugins...),
		func(p string) bool { return p == "" })
	return pluginList, strings.Join(plugins, ", "), nil
}

// output returns what a command writes to stdout; its error includes what it wrote to stderr.
func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.Output()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(ended.Stderr)))
	}
	return string(out), err
}
