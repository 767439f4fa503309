package catalogue

import (
	"net/url"
	"regexp"
	"strings"
)

// Mask stands for a secret wherever one would be shown.
const Mask = "********"

// secretWord matches the words by which names stand for secrets: in JDBC (password, sslpassword),
// Kafka's JAAS, connection strings of Azure (AppKey, Application Key, AccountKey, SharedAccessKey)
// and of registries (basic.auth.user.info).
const secretWord = `(?:password|passwd|passcode|passphrase|pwd|secret|token|credentials?|user[._-]?info|` +
	`(?:app|application|api|access|account|private|encryption)[ ._-]?key)`

// secretName matches the end of the name of a parameter whose value is a secret, including those of
// Azure's signed addresses (SharedAccessSignature, sig).
const secretName = `(?:` + secretWord + `|signature|\bsig|(?:\b|_)pass)`

// secretQuery matches the beginning of a parameter that is a secret within a URL but an ordinary
// word elsewhere: of Azure Functions (code), and of Google (key).
const secretQuery = `[?&](?:code|key|auth)`

// reference matches a reference to a value kept elsewhere, which need not be hidden:
// ${file:/path:key}.
const reference = `\$\{[^}]*\}`

var (
	// inURL is what stands between a user and the host: postgres://user:password@host. A password that was not escaped
	// may have a slash; what begins with a digit and has one is a port with a path.
	inURL = regexp.MustCompile(`(://(?:` + reference + `|[^\s/:@])*:)(` + reference + `|[^\s/]+|[^\s/\d][^\s@,]*)@`)
	// inAuthority is the same without a scheme, as in lists of hosts: user:password@host,user:password@host.
	inAuthority = regexp.MustCompile(`((?:^|[\s,;'"=(])(?:` + reference + `|[\w.%+~-])+:)(` + reference +
		`|[^\s/,@]+)@`)
	// inParameter is name=value, where the value is quoted or ends before what separates parameters, which a comma is
	// not sure to do; "name": "value" is JSON's, and name%3Dvalue stands within a parameter of a URL.
	inParameter = regexp.MustCompile(`(?i)((?:(?:^|[^\w.-])[\w.-]*` + secretName + `|` + secretQuery + `)(?:"\s*:|'\s*:|\s*=|%3D)\s*)` +
		`("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|(?:` + reference + `|[^&;\s"'])(?:` + reference + `|[^&;\s"])*)`)
	// inHeader is HTTP's: Authorization: Bearer value. Without a scheme a colon may as well begin a sentence.
	inHeader = regexp.MustCompile(`(?i)(authorization(?:["']?\s*[:=]\s*["']?(?:basic|bearer|digest)\s+|["']?\s*=\s*["']?|` +
		`["']\s*:\s*["']))(` + reference + `|[^\s,;"']+)`)
	// inOwnHeader is a header of somebody's own, whose name has a hyphen: X-Api-Key: value.
	inOwnHeader = regexp.MustCompile(`(?i)((?:\b(?:[a-z]+-)+(?:token|key|secret|password|auth)|\bcookie)\s*:\s*` +
		`(?:(?:basic|bearer|digest)\s+)?)(` + reference + `|[^\s,;"']+)`)
	// inBearer is a token after its scheme, in whatever header: long, or with a digit, as no word of a sentence is.
	inBearer = regexp.MustCompile(`(?i)(\bbearer\s+)(` + reference + `|[\w.~+/-]*\d[\w.~+/=-]*|[\w.~+/-]{20,}=*)`)
	// inStatement is what SQL gives a name without =: ALTER ROLE r PASSWORD 'value', SET app.secret TO 'value'.
	inStatement = regexp.MustCompile(`(?i)((?:^|[^\w.-])[\w.-]*(?:password\s+|` + secretName +
		`\s+TO\s+)(?:E|U&)?)('(?:[^']|'')*'?)`)
	onlyReferences = regexp.MustCompile(`^(?:` + reference + `)+$`)
)

// authorities match the forms in which a secret precedes a host.
var authorities = []*regexp.Regexp{inURL, inAuthority}

// named match the forms in which a secret has a name.
var named = []*regexp.Regexp{inParameter, inHeader, inBearer, inOwnHeader, inStatement}

// MaskWithin hides the secrets within a text: passwords before hosts, and the values of parameters whose
// names say that they are secrets. References stay.
func MaskWithin(text string) string {
	for _, form := range authorities {
		text = form.ReplaceAllStringFunc(text, func(found string) string {
			parts := form.FindStringSubmatch(found)
			if onlyReferences.MatchString(parts[2]) {
				return found
			}
			return parts[1] + Mask + "@"
		})
	}
	for _, form := range named {
		text = form.ReplaceAllStringFunc(text, func(found string) string {
			parts := form.FindStringSubmatch(found)
			quote, value := unquoted(parts[2])
			if value == "" || onlyReferences.MatchString(value) {
				return found
			}
			return parts[1] + quote + Mask + quote
		})
	}
	return text
}

// SecretsWithin returns the secrets that MaskWithin hides, as they are written in the text and
// unescaped.
func SecretsWithin(text string) []string {
	var secrets []string
	add := func(secret string) {
		secrets = append(secrets, secret)
		if plain, err := url.PathUnescape(secret); err == nil && plain != secret {
			secrets = append(secrets, plain)
		}
	}
	for _, form := range authorities {
		for _, parts := range form.FindAllStringSubmatch(text, -1) {
			add(parts[2])
		}
	}
	for _, form := range named {
		for _, parts := range form.FindAllStringSubmatch(text, -1) {
			quote, value := unquoted(parts[2])
			if value == "" {
				continue
			}
			add(value)
			if plain := strings.NewReplacer(`\`+quote, quote, `\\`, `\`, quote+quote, quote).Replace(value); quote != "" &&
				plain != value {
				secrets = append(secrets, plain)
			}
		}
	}
	return secrets
}

func unquoted(value string) (quote, inner string) {
	for _, quote = range []string{`"`, "'"} {
		if inner, ok := strings.CutPrefix(value, quote); ok {
			return quote, strings.TrimSuffix(inner, quote)
		}
	}
	return "", value
}
