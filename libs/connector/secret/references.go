package secret

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/config"
)

// Settings are what an operator sets about secrets in configurations, by flags and environment
// variables (see package config).
type Settings struct {
	References References
	// RevealSecrets lets calls that ask for it see literal secrets as they were given. The worker does
	// not check who asks: admin does so only for users with the role admin.
	RevealSecrets bool `name:"reveal-secrets" env:"REVEAL_SECRETS" help:"Whether users with the role admin read literal secrets of configurations as they were given, as with Kafka Connect. Tools that compare what they sent with what they read, such as Terraform, need it; others see masks."`
}

// References says what configurations may refer to in place of a value, as with Kafka's config
// providers (KIP-297, KIP-421): ${file:/path:key} is a key of a properties file, ${dir:/path:file}
// the content of a file, ${env:NAME} an environment variable. Nothing may be referred to unless it
// is allowed here, since whoever can write a configuration can make its values visible, for
// instance as the name of a topic.
type References struct {
	// Paths are the directories, or files, that file and dir references may read (Kafka's allowed.paths).
	Paths []string `name:"reference-paths" env:"REFERENCE_PATHS" help:"Directories or files that ${file:…} and ${dir:…} in configurations may read, separated by commas."`
	// Env is a regular expression that the whole name of an environment variable must match (Kafka's
	// allowlist.pattern); empty allows none.
	Env string `name:"reference-env" env:"REFERENCE_ENV" help:"Regular expression of the environment variables that ${env:…} in configurations may read; none if empty."`
	// LookupEnv reads a variable; os.LookupEnv if nil.
	LookupEnv func(string) (string, bool)
}

// reference is ${provider:path:key} or ${provider:key}.
var reference = regexp.MustCompile(`\$\{(file|dir|env):([^}]*)\}`)

// anyReference matches what Kafka takes for a reference
// (org.apache.kafka.common.config.ConfigTransformer), whatever the provider.
var anyReference = regexp.MustCompile(`\$\{[^{}:]+:[^}]*\}`)

// UnknownReferences finds references to providers that do not exist. They are left as they are, as
// in Kafka Connect.
func UnknownReferences(value string) []string {
	var unknown []string
	for _, found := range anyReference.FindAllString(value, -1) {
		if !reference.MatchString(found) {
			unknown = append(unknown, found)
		}
	}
	return unknown
}

// Validate returns what is wrong with the settings.
func (r References) Validate() error {
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

// IsReference reports whether a value consists of references only, so that it holds no secret
// itself.
func IsReference(value string) bool {
	return value != "" && reference.ReplaceAllString(value, "") == ""
}

// Refers reports whether a value has references.
func Refers(value string) bool { return reference.MatchString(value) }

// Faults say, by key, why references cannot be resolved. They name the reference, never a value.
type Faults map[string]error

// Err joins the faults, sorted by key; it is nil if there are none.
func (f Faults) Err() error {
	var all []error
	for _, key := range slices.Sorted(maps.Keys(f)) {
		all = append(all, fmt.Errorf("%s: %w", key, f[key]))
	}
	return errors.Join(all...)
}

// Resolve replaces the references of a configuration by what they refer to. behind lists these
// values, except that of the key name, which is not a secret.
func (r References) Resolve(config map[string]string) (resolved map[string]string, behind []string, faults Faults) {
	resolved = make(map[string]string, len(config))
	for key, value := range config {
		var wrong []error
		resolved[key] = reference.ReplaceAllStringFunc(value, func(text string) string {
			parts := reference.FindStringSubmatch(text)
			result, err := r.read(parts[1], parts[2])
			if err != nil {
				wrong = append(wrong, fmt.Errorf("reference %s: %w", text, err))
			} else if key != "name" {
				behind = append(behind, result)
			}
			return result
		})
		if len(wrong) > 0 {
			if faults == nil {
				faults = Faults{}
			}
			faults[key] = errors.Join(wrong...)
		}
	}
	return resolved, behind, faults
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
	properties, err := parseProperties(content)
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
		return "",
			errors.New(
				"this environment variable is not among those that configurations may refer to; allow it with the worker's --reference-env (REFERENCE_ENV)")
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

// readFile reads a file below an allowed path. The path must be allowed both as it is written and
// after links are followed.
func (r References) readFile(path string) (string, error) {
	notAllowed := errors.New(
		"this path is not among those that configurations may refer to; allow its directory with the worker's --reference-paths (REFERENCE_PATHS)")
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

// withoutPath keeps only the cause: the message quotes the reference, which names the path already.
func withoutPath(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
