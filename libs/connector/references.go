package connector

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/calypso-cdc/calypso/libs/config"
)

// References are what configurations may refer to in place of a value, as with Kafka's config providers
// (KIP-297, KIP-421): ${file:/path:key} is a key of a properties file, ${dir:/path:file} the content of a file,
// ${env:NAME} an environment variable. Nothing may be referred to unless it is allowed here, since whoever can write
// a configuration can make its values visible, for instance as the name of a topic.
type References struct {
	// Paths are the directories, or files, that file and dir references may read (Kafka's allowed.paths).
	Paths []string
	// Env is a regular expression that the whole name of an environment variable must match (Kafka's
	// allowlist.pattern); empty allows none.
	Env string
	// LookupEnv reads a variable; os.LookupEnv if nil.
	LookupEnv func(string) (string, bool)
}

// reference is ${provider:path:key} or ${provider:key}.
var reference = regexp.MustCompile(`\$\{(file|dir|env):([^}]*)\}`)

// anyReference is what Kafka takes for a reference (org.apache.kafka.common.config.ConfigTransformer), to whatever provider.
var anyReference = regexp.MustCompile(`\$\{[^{}:]+:[^}]*\}`)

// unknownReferences are the references of a value to providers that there are not; they are left as they stand, as in Kafka Connect.
func unknownReferences(value string) []string {
	var unknown []string
	for _, found := range anyReference.FindAllString(value, -1) {
		if !reference.MatchString(found) {
			unknown = append(unknown, found)
		}
	}
	return unknown
}

func (r References) validate() error {
	for _, path := range r.Paths {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("References.Paths: %s is not an absolute path", path)
		}
	}
	if _, err := regexp.Compile(r.Env); err != nil {
		return fmt.Errorf("References.Env: %w", err)
	}
	return nil
}

// isReference reports whether a value is nothing but references, so that it holds no secret itself.
func isReference(value string) bool {
	return value != "" && reference.ReplaceAllString(value, "") == ""
}

// resolve replaces the references of a configuration by what they refer to. Its problems are one a key and name the
// reference, never a value.
func (r References) resolve(config map[string]string) (resolved map[string]string, problems map[string]error) {
	resolved = make(map[string]string, len(config))
	for key, value := range config {
		var faults []error
		resolved[key] = reference.ReplaceAllStringFunc(value, func(text string) string {
			parts := reference.FindStringSubmatch(text)
			result, err := r.read(parts[1], parts[2])
			if err != nil {
				faults = append(faults, fmt.Errorf("reference %s: %w", text, err))
			}
			return result
		})
		if len(faults) > 0 {
			if problems == nil {
				problems = map[string]error{}
			}
			problems[key] = errors.Join(faults...)
		}
	}
	return resolved, problems
}

func (r References) read(provider, rest string) (string, error) {
	if provider == "env" {
		return r.readEnv(strings.TrimPrefix(rest, ":"))
	}
	path, key, ok := strings.Cut(rest, ":") // a colon may stand in the key, as in Kafka Connect
	if !ok || path == "" || key == "" {
		return "", fmt.Errorf("want ${%s:/path:name}", provider)
	}
	if provider == "dir" {
		if key != filepath.Base(key) || key == ".." || key == "." {
			return "", errors.New("the name of the file must not contain a path")
		}
		content, err := r.readFile(filepath.Join(path, key))
		return strings.TrimRight(content, "\r\n"), err
	}
	content, err := r.readFile(path)
	if err != nil {
		return "", err
	}
	properties, err := parseProperties(strings.NewReader(content))
	if err != nil {
		return "", fmt.Errorf("read properties: %w", err)
	}
	value, ok := properties[key]
	if !ok {
		return "", fmt.Errorf("the file has no key %s", key)
	}
	return value, nil
}

func (r References) readEnv(name string) (string, error) {
	allowed, err := regexp.Compile(`^(?:` + r.Env + `)$`)
	if r.Env == "" || err != nil || !allowed.MatchString(name) {
		return "", errors.New("this environment variable is not among those that configurations may refer to; allow it in the worker's settings")
	}
	lookup := r.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, ok := lookup(name)
	if !ok {
		return "", errors.New("the environment variable is not set")
	}
	return value, nil
}

// readFile reads a file below an allowed path; links are followed before the path is judged.
func (r References) readFile(path string) (string, error) {
	notAllowed := errors.New("this path is not among those that configurations may refer to; allow its directory in the worker's settings")
	if !filepath.IsAbs(path) || !r.allows(filepath.Clean(path)) {
		return "", notAllowed
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("find the file: %w", withoutPath(err))
	}
	if !r.allows(real) {
		return "", notAllowed
	}
	content, err := config.ReadFile(real)
	if err != nil {
		return "", fmt.Errorf("read the file: %w", withoutPath(err))
	}
	return string(content), nil
}

func (r References) allows(path string) bool {
	for _, allowed := range r.Paths {
		candidates := []string{filepath.Clean(allowed)}
		if real, err := filepath.EvalSymlinks(allowed); err == nil {
			candidates = append(candidates, real)
		}
		for _, candidate := range candidates {
			relative, err := filepath.Rel(candidate, path)
			if err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator)) {
				return true
			}
		}
	}
	return false
}

// withoutPath keeps only the cause: the reference that is quoted beside it names the path already.
func withoutPath(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

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
