package secret

import (
	"bufio"
	"io"
	"strings"

	"github.com/calypso-cdc/calypso/libs/config"
)

// parseProperties reads the common part of java.util.Properties: key=value or key:value lines, comments from # or !,
// continued lines, and the escapes \t \n \r \f \\ and \ before a separator.
func parseProperties(from io.Reader) (map[string]string, error) {
	properties := map[string]string{}
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, config.MaxFile+1)
	var logical string
	for scanner.Scan() {
		line := strings.TrimLeft(scanner.Text(), " \t\f")
		if logical == "" && (line == "" || line[0] == '#' || line[0] == '!') {
			continue
		}
		logical += line
		if backslashes := len(logical) - len(strings.TrimRight(logical, `\`)); backslashes%2 == 1 {
			logical = logical[:len(logical)-1]
			continue
		}
		key, value := splitProperty(logical)
		properties[key] = value
		logical = ""
	}
	if logical != "" {
		key, value := splitProperty(logical)
		properties[key] = value
	}
	return properties, scanner.Err()
}

func splitProperty(line string) (key, value string) {
	end := len(line)
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' {
			i++
			continue
		}
		if strings.IndexByte("=: \t\f", line[i]) >= 0 {
			end = i
			break
		}
	}
	rest := strings.TrimLeft(line[end:], " \t\f")
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], " \t\f")
	}
	return unescapeProperty(line[:end]), unescapeProperty(rest)
}

func unescapeProperty(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			plain.WriteByte(text[i])
			continue
		}
		i++
		switch text[i] {
		case 't':
			plain.WriteByte('\t')
		case 'n':
			plain.WriteByte('\n')
		case 'r':
			plain.WriteByte('\r')
		case 'f':
			plain.WriteByte('\f')
		default:
			plain.WriteByte(text[i])
		}
	}
	return plain.String()
}
