package javaregex_test

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/javaregex"
)

// recordedProperties is the file with Java's answers about properties: a pattern and either the message with which it is refused, or a
// digest of which characters it matches.
const recordedProperties = "testdata/properties.txt"

// javaTable are lines of tables.txt of a kind.
func javaTable(t *testing.T, kind string) (lines [][]string) {
	t.Helper()
	text, err := os.ReadFile("tables.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(strings.TrimSpace(line), "\t"); fields[0] == kind {
			lines = append(lines, fields[1:])
		}
	}
	return lines
}

// characters are those of Latin-1, and of each block the first, the last and some between, without surrogates and one that
// is alphabetic since a later version of Unicode.
func characters(t *testing.T) (all []rune) {
	for c := range rune(0x100) {
		all = append(all, c)
	}
	for _, block := range javaTable(t, "block") {
		first, _ := strconv.ParseInt(block[0], 16, 32)
		last, _ := strconv.ParseInt(block[1], 16, 32)
		for c := first; c <= last; c += max(1, (last-first)/5) {
			if c > 0xff && (c < 0xd800 || c > 0xdfff) && c != 0x11080 {
				all = append(all, rune(c))
			}
		}
	}
	return all
}

// properties are patterns with a property each, in all forms that Java has, and some that it has not.
func properties(t *testing.T) (patterns []string) {
	add := func(names ...string) {
		for _, name := range names {
			patterns = append(patterns, `\p{`+name+`}`)
		}
	}
	for _, block := range javaTable(t, "block") {
		for _, name := range block[2:] {
			add("In"+name, "blk="+strings.ToLower(name))
		}
		add("Block="+block[2], "Is"+block[2])
	}
	for _, script := range javaTable(t, "script") {
		for _, name := range script {
			add("Is"+name, "sc="+strings.ToLower(name), "SCRIPT="+name, "In"+name)
		}
	}
	general := strings.Fields(`Cn Lu Ll Lt Lm Lo Mn Me Mc Nd Nl No Zs Zl Zp Cc Cf Co Cs Pd Ps Pe Pc Po Sm Sc Sk So Pi Pf L M N Z C P S LC LD L1 all
		ASCII Alnum Alpha Blank Cntrl Digit Graph Lower Print Punct Space Upper XDigit lu LU Uppercase_Letter Xx
		javaLowerCase javaUpperCase javaAlphabetic javaIdeographic javaTitleCase javaDigit javaDefined javaLetter javaLetterOrDigit
		javaJavaIdentifierStart javaJavaIdentifierPart javaUnicodeIdentifierStart javaUnicodeIdentifierPart javaIdentifierIgnorable
		javaSpaceChar javaWhitespace javaISOControl javaMirrored javaNothing
		ALPHA ALPHABETIC Alphabetic LETTER Letter IDEOGRAPHIC Ideographic LOWERCASE Lowercase UPPERCASE TITLECASE Titlecase WHITE_SPACE WhiteSpace
		CONTROL Control PUNCTUATION Punctuation HEX_DIGIT HexDigit ASSIGNED Assigned NONCHARACTER_CODE_POINT NoncharacterCodePoint DIGIT ALNUM
		BLANK GRAPH PRINT WORD Word JOIN_CONTROL JoinControl LOWER UPPER SPACE PUNCT XDIGIT CNTRL Emoji Unknown Zzzz`)
	for _, name := range general {
		add(name, "Is"+name, "gc="+name, "General_Category="+name, "sc="+name)
		for _, flags := range []string{"(?i)", "(?U)", "(?iU)"} {
			patterns = append(patterns, flags+`\p{`+name+`}`, flags+`\p{Is`+name+`}`, flags+`\P{gc=`+name+`}`)
		}
	}
	add("In", "Is", "blk=", "sc=", "=Lu", "=", "gc", " blk=GREEK", "blk =GREEK", "In GREEK", "age=3.0", "blk=GREEK=X")
	return append(patterns, `[\p{InGREEK}&&[^\p{Lu}]]`, `[^\p{blk=GREEK}]`, `\P{InGREEK}`, `(?i)\p{InBASIC_LATIN}`)
}

// digest is of which characters a pattern matches. Those that Java 17's Unicode has not assigned may be by now, so that
// they count for blocks alone, which have them as well.
func digest(pattern, matched, unassigned string) string {
	h, n := fnv.New32a(), 0
	for i := range len(matched) {
		if matched[i] == '1' && (unassigned[i] == '0' || ofBlock(pattern)) {
			fmt.Fprintf(h, "%d,", i)
			n++
		}
	}
	return fmt.Sprintf("%d %08x", n, h.Sum32())
}

func ofBlock(pattern string) bool {
	pattern = strings.ToLower(pattern)
	return strings.Contains(pattern, "{in") || strings.Contains(pattern, "blk=") || strings.Contains(pattern, "block=")
}

func TestAPropertyIsThatOfJavaOrRefusedAsThere(t *testing.T) {
	all := characters(t)
	if *record {
		recordProperties(t, all, properties(t))
	}
	text, err := os.ReadFile(recordedProperties)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	unassigned := lines[0]
	for _, line := range lines[1:] {
		pattern, want, _ := strings.Cut(line, "\t")
		if got := propertyAnswer(pattern, all, unassigned); got != want {
			t.Errorf("%s: %s, Java says %s", pattern, got, want)
		}
	}
}

func propertyAnswer(pattern string, all []rune, unassigned string) string {
	p, err := javaregex.Compile(pattern)
	if err != nil {
		description, _, _ := strings.Cut(err.Error(), "\n")
		description, _, _ = strings.Cut(description, " near index ")
		return "refused: " + description
	}
	matched := make([]byte, len(all))
	for i, c := range all {
		if matched[i] = '0'; p.Matches(string(c)) {
			matched[i] = '1'
		}
	}
	return digest(pattern, string(matched), unassigned)
}

func recordProperties(t *testing.T, all []rune, patterns []string) {
	t.Helper()
	var in bytes.Buffer
	for _, c := range all {
		fmt.Fprintf(&in, "%X ", c)
	}
	fmt.Fprintf(&in, "\n\\p{Cn}\n%s\n", strings.Join(patterns, "\n"))
	cmd := exec.Command("java", "testdata/Properties.java")
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ask Java: %v", err)
	}
	answers := strings.Split(strings.TrimSpace(string(out)), "\n")
	var file strings.Builder
	file.WriteString(answers[0] + "\n")
	for i, pattern := range patterns {
		answer := answers[i+1]
		if !strings.HasPrefix(answer, "refused") {
			answer = digest(pattern, answer, answers[0])
		}
		file.WriteString(pattern + "\t" + answer + "\n")
	}
	if err := os.WriteFile(recordedProperties, []byte(file.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
