package secret

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// parseProperties reads what java.util.Properties does: key=value or key:value lines, comments from # or !, continued
// lines, and escapes.
func parseProperties(text string) (map[string]string, error) {
	properties := map[string]string{}
	var logical string
	for line := range strings.SplitSeq(lineEnds.Replace(text), "\n") {
		line = strings.TrimLeft(line, " \t\f")
		if logical == "" && (line == "" || line[0] == '#' || line[0] == '!') {
			continue
		}
		logical += line
		if backslashes := len(line) - len(strings.TrimRight(line, `\`)); backslashes%2 == 1 {
			logical = logical[:len(logical)-1]
			continue
		}
		if err := addProperty(properties, logical); err != nil {
			return nil, err
		}
		logical = ""
	}
	return properties, addProperty(properties, logical) // the last line may be continued by nothing
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func addProperty(properties map[string]string, line string) error {
	if line == "" {
		return nil
	}
	name, text := splitProperty(line)
	key, err := unescapeProperty(name)
	if err != nil {
		return err
	}
	value, err := unescapeProperty(text)
	properties[key] = value
	return err
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
	return line[:end], rest
}

func unescapeProperty(text string) (string, error) {
	if !strings.Contains(text, `\`) {
		return text, nil
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
		case 'u':
			unit, ok := codeUnit(text[i+1:])
			if !ok {
				return "", errors.New(`a \u is not followed by four hexadecimal digits`)
			}
			i += 4
			if low, ok := codeUnit(strings.TrimPrefix(text[i+1:], `\u`)); ok &&
				utf16.DecodeRune(unit, low) != unicode.ReplacementChar {
				unit = utf16.DecodeRune(unit, low)
				i += 6
			}
			plain.WriteRune(unit)
		default:
			plain.WriteByte(text[i])
		}
	}
	return plain.String(), nil
}

// codeUnit reads the four hexadecimal digits of a unit of UTF-16.
func codeUnit(text string) (rune, bool) {
	if len(text) < 4 {
		return 0, false
	}
	unit, err := strconv.ParseUint(text[:4], 16, 16)
	return rune(unit), err == nil
}
