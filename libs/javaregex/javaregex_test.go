package javaregex_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/calypso-cdc/calypso/libs/javaregex"
)

var (
	record = flag.Bool("record", false, "write what Java answers to testdata/answers.txt")
	seed   = flag.Uint64("seed", 1, "of the random patterns")
)

// question is what Java is asked; see testdata/Answer.java.
type question struct {
	fold                       bool
	pattern, text, replacement string
}

func (q question) line() string {
	fold := "-"
	if q.fold {
		fold = "i"
	}
	return strings.Join([]string{fold, encoded(q.pattern), encoded(q.text), encoded(q.replacement)}, "\t")
}

func encoded(text string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		if unit < ' ' || unit > '~' || unit == '%' {
			fmt.Fprintf(&b, "%%%04x", unit)
		} else {
			b.WriteByte(byte(unit))
		}
	}
	return b.String()
}

func decoded(t *testing.T, field string) string {
	var units []uint16
	for i := 0; i < len(field); i++ {
		if field[i] != '%' {
			units = append(units, uint16(field[i]))
			continue
		}
		unit, err := strconv.ParseUint(field[i+1:i+5], 16, 16)
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, uint16(unit))
		i += 4
	}
	return string(utf16.Decode(units))
}

func questionOf(t *testing.T, fields []string) question {
	return question{fields[0] == "i", decoded(t, fields[1]), decoded(t, fields[2]), decoded(t, fields[3])}
}

// answer is what the package makes of a question, in the form of Java's answers.
func (q question) answer() string {
	compile := javaregex.Compile
	if q.fold {
		compile = javaregex.CompileFold
	}
	p, err := compile(q.pattern)
	if err != nil {
		description, _, _ := strings.Cut(err.Error(), "\n")
		description, _, _ = strings.Cut(description, " near index ")
		return "refused\t" + encoded(description)
	}
	matches := strconv.FormatBool(p.Matches(q.text))
	r, err := p.Replacement(q.replacement)
	if err != nil {
		return matches + "\t!" + encoded(err.Error())
	}
	return matches + "\t" + encoded(p.ReplaceFirst(q.text, r))
}

// askJava runs the questions through java.util.regex.
func askJava(t *testing.T, questions []question) []string {
	t.Helper()
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skip("there is no Java to compare with")
	}
	if version, err := exec.Command(java, "-version").CombinedOutput(); err != nil ||
		!strings.Contains(string(version), `version "17.`) {
		t.Skipf("the package means what Java 17 means, and this is another: %s %v", version, err)
	}
	var in bytes.Buffer
	for _, q := range questions {
		in.WriteString(q.line() + "\n")
	}
	cmd := exec.Command(java, "testdata/Answer.java")
	cmd.Stdin = &in
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("Java cannot be asked: %v: %.500s", err, stderr.String())
	}
	answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions", len(answers), len(questions))
	}
	return answers
}

const ours = "is not supported here"

// same compares answers. A replacement that cannot be is refused here when it is read, there when it is first used.
func same(q question, want, got string) bool {
	if want == got {
		return true
	}
	if strings.Contains(got, "!") && strings.HasPrefix(want, "false\t"+encoded(q.text)) {
		return strings.HasPrefix(got, "false\t!")
	}
	return strings.HasPrefix(got, "refused\t") && strings.Contains(got, ours) ||
		strings.HasPrefix(want, "refused\tLook-behind group")
}

// The answers are Java 17's.
func TestAPatternMeansWhatItMeansInJava(t *testing.T) {
	const file = "testdata/answers.txt"
	if *record {
		questions := table()
		var out strings.Builder
		last := question{}
		for i, answer := range askJava(t, questions) {
			q := questions[i]
			// Of what does not match, and of what is refused, one of a kind is enough.
			if told := strings.HasPrefix(answer, "true\t") || answer != "false\t"+encoded(q.text) &&
				!strings.HasPrefix(answer, "refused\t"); told || last.pattern != q.pattern || last.fold != q.fold {
				out.WriteString(q.line() + "\t" + answer + "\n")
			}
			last = q
		}
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	recorded, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(recorded), "\n"), "\n") {
		fields := strings.Split(line, "\t")
		q, want := questionOf(t, fields), strings.Join(fields[4:], "\t")
		if got := q.answer(); !same(q, want, got) {
			t.Errorf("%q (fold %v) on %q with %q: %q, Java says %q", q.pattern, q.fold, q.text, q.replacement, got, want)
		}
	}
}

func TestLookBehindForWhatAGroupMatchedIsRefusedAsInJava(t *testing.T) {
	for pattern, taken := range map[string]bool{`(?<=\1)(a)`: false, `(a)(?<=\1)`: false, `(?<n>a)(?<!b|(?:\k<n>){2})b`: false,
		`(a)(?<=(?=\1)a)`: true} {
		if _, err := javaregex.Compile(pattern); (err == nil) != taken ||
			err != nil && !strings.Contains(err.Error(), "Look-behind group does not have an obvious maximum length") {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func TestRandomPatternsMeanWhatTheyMeanInJava(t *testing.T) {
	r := rand.New(rand.NewPCG(*seed, 1))
	var questions []question
	for range 30_000 {
		questions = append(questions, random(r))
	}
	wrong := 0
	for i, want := range askJava(t, questions) {
		q := questions[i]
		got := q.answer()
		if strings.HasPrefix(want, "refused") && strings.HasPrefix(got, "refused") {
			continue // in other words, where several things are wrong
		}
		if !same(q, want, got) && !strings.HasPrefix(got, "refused\ta pattern with back-references") &&
			!strings.HasPrefix(got, "refused\tthe pattern is too large") {
			if wrong++; wrong <= 30 {
				t.Errorf("seed %d: %q (fold %v) on %q with %q: %q, Java says %q", *seed, q.pattern, q.fold, q.text,
					q.replacement, got, want)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d differ", wrong, len(questions))
	}
}

var atoms = []string{
	"a", "b", "c", "A", "B", "1", "_", ".", "\\.", "[ab]", "[^a]", "[a-c]", "[a-c&&[^b]]", "[a-c&&b-z]", "[a[bc]]",
	"[^a[bc]]", "\\w", "\\d", "\\s", "\\W",
	"\\h", "\\p{Lower}", "\\p{Upper}", "\\p{Alpha}", "\\P{Lower}", "\\p{Lu}", "\\p{L}", "\\p{javaUpperCase}",
	"\\p{IsAlphabetic}", "\\Qa.b\\E", "ab", "\\R", "^", "$", "\\b", "\\B",
	"[\\w&&[^b1]]", "[^\\w]", "[a&&b]", "[.]", "[-a]", "[a-]", "é", "É", "[à-ü]", "\n", "\\n", "\\x61", "\\u0062", "\\A",
	"\\z", "\\Z", "\\1", "\\2", "\\k<n>", "(?i)", "(?s)", "(?m)", "",
}

func random(r *rand.Rand) question {
	groups, named, behind := 0, false, 0
	var expr func(depth int) string
	expr = func(depth int) string {
		var b strings.Builder
		for range 1 + r.IntN(3) {
			part := atoms[r.IntN(len(atoms))]
			if depth > 0 && r.IntN(3) == 0 {
				open := []string{"(", "(", "(", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?<n>"}[r.IntN(11)]
				if open == "(?<n>" {
					if named {
						open = "("
					}
					named = true
				}
				if open == "(" || open == "(?<n>" {
					groups++
				}
				if strings.HasPrefix(open, "(?<") && open != "(?<n>" {
					behind++
				}
				part = open + expr(depth-1) + ")"
				if strings.HasPrefix(open, "(?<") && open != "(?<n>" {
					behind--
				}
			}
			b.WriteString(part)
			if part != "" && !strings.HasPrefix(part, "(?i)") && !strings.HasPrefix(part, "(?s)") &&
				!strings.HasPrefix(part, "(?m)") && r.IntN(3) == 0 {
				counts := []string{"?", "{2}", "{1,2}", "{0,3}", "*", "+", "{1,}"}
				if behind > 0 { // without end, which Java miscounts
					counts = counts[:4]
				}
				b.WriteString(counts[r.IntN(len(counts))])
				b.WriteString([]string{"", "", "?", "+"}[r.IntN(4)])
			}
		}
		if r.IntN(4) == 0 {
			b.WriteString("|" + expr(max(depth-1, 0)))
		}
		return b.String()
	}
	q := question{fold: r.IntN(2) == 0, pattern: expr(3), replacement: "<$0>"}
	for _, leaving := range []string{"(?!", "(?<!", "(?=", "(?<=", "(?>", "*+", "++", "?+", "}+", ")*", ")+", ")?", "){"} {
		if strings.Contains(q.pattern, leaving) { // Java does not always forget what groups matched within these before the match failed
			groups = 0
			q.pattern = strings.NewReplacer(`\1`, "", `\2`, "", `\k<n>`, "").Replace(q.pattern)
		}
	}
	for g := range groups {
		q.replacement += "(" + "$" + strconv.Itoa(g+1) + ")"
	}
	for range r.IntN(7) {
		q.text += string([]rune("aaabbcAB1_. éÉ\n-&")[r.IntN(17)])
	}
	return q
}

// table are the questions whose answers are recorded.
func table() []question {
	var all []question
	for _, pattern := range []string{
		"a", "a|ab", "ab|a", "(a|ab)(c|bcd)(d*)", "a*?b", "(a*)*", "(a*)+", "(a|b)*", "(?:(a)|b)*", "((a)|b)*?c", "(a?)*?b",
		"(?:a?){3}", "(a{2}){2,3}", "a{2}{3}", "{1}", "a{,3}", "a{3,1}", "a{", "a{x}", "a**", "*a", "a|*", "(", ")", "a)",
		"[", "[]", "[]a]", "[^]a]", "[a", "\\", "[a\\", "(?<n", "(?<1>a)", "(?<n>a)(?<n>b)", "\\k<m>", "(?<=a*)b",
		"(?<=a{1,3})b", "(?z)", "(?", "a(?i)b|c", "(?i:a)b", "(?-i)a", "(?i-s)a.",
		`[a-z&&[^x]]`, `[a-z&&[^x-z]]+`, `[a-b[x]]`, `[a-c[x-z]]+`, `[^a-b[x]]`, `[a-z&&[def]]`, `[a-z&&[^bc]&&[^d]]`,
		`[a&&]`, `[&&a]`, `[&&]`, `[a&b]+`, `[a&&&b]`, `[a-d&&c-f]+`, `[^a-d&&c-f]+`, `[[a-d]&&[c-f]]+`, `[\w&&[^\d]]+`,
		`[\p{Lower}\d]+`, `[^\p{Lower}]`, `[-a]`, `[a-]`, `[a-c-e]`, `[z-a]`, `[\d-z]`, `[a-\d]`, `[+--]`, `[\]]`, `[\[a]`,
		`[a[b[c]]]+`, `[\Qa-c\E]+`, `[\x61-\x63]+`,
		`a++b`, `a*+a`, `a?+a`, `(?:ab|a)++b`, `(?:a|ab){2}+`, `a{1,2}+a`, `(?>a|ab)c`, `(?>a*)a`, `(a++)(b*+)`, `(?=a)\w+`,
		`(?!a)\w+`, `(?!secret\.).*`, `^(?!public\.tmp_).*$`, `public\.(?!tmp_|old_)\w+`, `.*(?<!_log)`, `.*(?<!_log|_tmp)$`,
		`(?<=a)b`, `a(?<=a)b`, `(?<=\w{2})c`, `(?<=\1)(a)`, `(a)(?<=\1)`, `(?<n>a)(?<!b|(?:\k<n>){2})b`, `(a)(?<=(?=\1)a)`, `(?<!b)c`, `(\w+)\.\1`, `(?<n>\w)\k<n>`, `(a)\1`, `(?i)(a)\1`, `\1(a)`,
		`(a)(b)\2\1`, `(a)\11`, `\8`,
		`\p{Lower}+`, `\p{Upper}+`, `\p{Alpha}`, `\p{Alnum}+`, `\p{Punct}`, `\p{Space}`, `\p{XDigit}+`, `\p{ASCII}+`,
		`\p{L}+`, `\p{Lu}`, `\p{IsL}`, `\p{IsLatin}+`, `\p{IsGreek}`, `\p{IsAlphabetic}+`, `\p{IsUppercase}`,
		`\p{javaLowerCase}+`, `\p{javaUpperCase}`, `\p{javaLetterOrDigit}+`,
		`\p{javaJavaIdentifierStart}\p{javaJavaIdentifierPart}*`, `\p{sc=Latin}`, `\p{gc=Lu}`, `\p{gc=X}`, `\p{Nope}`,
		`\p{IsNope}`, `\pL`, `\PL`, `\p{`, `\p{}`, `\P{Alpha}`, `(?U)\w+`, `(?U)\p{Lower}`, `(?iu)É`, `(?i)é`, `(?u)é`,
		`\Qa.b\E`, `\Q[a]*\E`, `a\Qb`, `\Q\E`, `\Qa\Eb+`, `\Q1\E`, `a\E`, `\h`, `\H`, `\v`, `\V`, `[\v]`, `\R`, `a\Rb`, `\s`,
		`\S+`, `\d+`, `\D`, `\w+`, `\W`, `\t`, `\x41`, `\x{41}`, `\x4`, `\u0041`, `\u00`, `\0101`, `\08`, `\cA`, `\a`, `\e`,
		`\q`, `\i`, `\_`, `\-`, `\.`, `\/`,
		`^a$`, `a$`, `a\Z`, `a\z`, `\Aa`, `\Ga`, `(?m)^a$`, `(?m)a$\n^b`, `(?d)a.b`, `(?s)a.b`, `a.b`, `\ba\b`, `\Bb`, `a\b`,
		`(?x) a b # c`, `(?x)a\ b`, `(?x)[a b]`, `(?x)a # c`,
		`.*`, `.+`, `(.*)`, `(.*?)`, `([^.]+)\.([^.]+)\.([^.]+)`, `(?<schema>\w+)\.(?<table>\w+)`, `.*\.(orders|items)`,
		`public\..*`, `PUBLIC\.ORDERS`, `Straße`, `ſ`, `K`, `[k]`, `[j-l]`, `[J-L]`, `😀`, `[😀-😂]`, `.😀`,
	} {
		for _, fold := range []bool{false, true} {
			for _, text := range []string{"", "a", "b", "x", "A", "ab", "aab", "abc", "aba", "abcd", "aaaa", "aaaaaa", "c",
				"abcbc", "a.b", "a1", "1", "a\n", "a\nb", "a\r\nb", "a b", "é", "É", "Aé", "public.orders", "public.tmp_x",
				"Public.Orders", "secret.keys", "s.t_log", "ab.ab", "-", "&", "[a]*", "😀", "a😀", "ß", "K", "k", "α", " ",
				"]", "Straße"} {
				all = append(all, question{fold, pattern, text, "<$0>"})
			}
		}
	}
	return append(all, []question{
		{false, `(.*)\.(.*)`, "a.b", "$2_$1"}, {false, `(.*)\.(.*)`, "a.b", `\$1`}, {false, `(.*)\.(.*)`, "a.b", "$12"},
		{false, `(.*)\.(.*)`, "a.b", "$3"}, {false, `a`, "a", "$"}, {false, `a`, "a", `\`}, {false, `a`, "a", "$x"},
		{false, `(?<n>a)b`, "ab", "${n}c"}, {false, `(?<n>a)b`, "ab", "${m}"}, {false, `a`, "a", "${}"},
		{false, `(?<n>a)`, "a", "${n"}, {false, `a`, "a", "${1}"}, {false, `(a)|b`, "b", "[$1]"}, {false, `a|ab`, "ab", "x"},
		{false, `a`, "b", "$9"},
		{false, `(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)`, "abcdefghijk", "$11$10$1"}, {false, `(a)`, "a", `\\$1\a`},
		{false, `dbserver1\.(.*)\.(.*)`, "dbserver1.inventory.customers", "$1-$2"},
	}...)
}

func TestHostilePatternsEnd(t *testing.T) {
	text := strings.Repeat("a", 249)
	for _, pattern := range []string{
		`(a+)+b`, `(a*)*b`, `((a*)*)*b`, `(a|a)*b`, `(a|aa)+b`, `(.*)*(.*)*(.*)*b`, `(?:a?){200}a{200}b`,
		`((((a++)++)++)++)b`, `(?=(a+)+b)a`, `(?:(?=(a*)*b)a)*`, `(?<=(?:a|aa){1,20})b`, `(?:(?<=a{0,30})a)*b`,
		`(?>(?>(?>a*)*)*)*b`, `(?:(?!(a|aa)+b)a)*b`, `(a+)\1b`, `(.{0,50})(.{0,50})(.{0,50})\3b`,
		times("(?:", 240) + "a" + times(")*", 240) + "b", times("(?>", 240) + "a" + times("|b)", 240) + "b",
		times("(?=", 240) + "a" + times("*)", 240) + "b",
		"(?:(?:" + times("a|", 70) + "a)" + times("()", 700) + ")*b", "(?:[" + times("c-d", 2000) + "a]a?)*b",
		"(?:(?:(?=a)){5000}a)*b", "(?:(?=a*b)a)*b",
		// Of the kinds that are refused, those that people write are not.
		"(?:(?!(?:" + times("some_table_name|", 500) + "x)).)*b", `.*(?<!_log|_tmp|_very_long_table_name)b`,
	} {
		p, err := javaregex.CompileFold(pattern)
		if err != nil {
			t.Errorf("%.60s is refused: %v", pattern, err)
			continue
		}
		if p.Matches(text) {
			t.Errorf("%.60s matches", pattern)
		}
	}
	// Each of these took minutes, or hundreds of megabytes.
	for _, pattern := range []string{
		"(?:" + times("(?=a)", 1600) + "a)*b", "(?:(?=" + times("(?=a)", 1600) + ")a)*b",
		"(?:(?<=a{0,200})a)*b" + times("()", 3000), "(?:" + times("(?<=a{0,200})", 20) + "a)*b",
		"(?:" + times("(?<=(?<=a{0,10})a{0,20})", 100) + "a)*b", "(?:" + times("a|", 1500) + "a)" + times(`\b`, 3000),
		"(?:[" + times("c-d", 1000) + "a]a?){2000}b",
	} {
		if _, err := javaregex.Compile(pattern); err == nil || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%.60s: %v", pattern, err)
		}
	}
	for _, pattern := range []string{`(a+)+\1`, `(a*)(a*)(a*)(a*)\1b`, `(a|a)*\1`, `(a{1000}){1000}`,
		strings.Repeat("(", 1000) + strings.Repeat(")", 1000), strings.Repeat("a", 20_000), strings.Repeat("[", 1000)} {
		if _, err := javaregex.Compile(pattern); err == nil {
			t.Errorf("%.30s is accepted", pattern)
		}
	}
}

func times(text string, n int) string { return strings.Repeat(text, n) }

func TestATextThatIsTooLongForItsPatternIsRefused(t *testing.T) {
	for pattern, longest := range map[string]int{`.*`: 1 << 18, `(a+)+b`: 1 << 18, `(?:(?=a*b)a)*b`: 1 << 10,
		`(\w+)\.\1`: 256, `(?<!x).*`: 1 << 18} {
		p, err := javaregex.Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Takes(times("a", longest)); err != nil {
			t.Error(err)
		}
		p.Matches(times("a", longest))
		tooLong := times("a", 1<<20)
		if err := p.Takes(tooLong); err == nil {
			t.Errorf("%s takes all", pattern)
		}
		if p.Matches(tooLong) {
			t.Errorf("%s matches", pattern)
		}
	}
}

// The lists are split as Debezium 3.6.3 splits them.
func TestListsAreSplitAsDebeziumSplitsThem(t *testing.T) {
	for list, want := range map[string]string{
		"a,b": "a|b", " a , b ": "a|b", `a\,b`: "a,b", `a\\,b`: `a\\|b`, "": "", ",a,,b,": "a|b",
		`a.*\,x, \\,y`: `a.*,x|\\|y`,
	} {
		if got := strings.Join(javaregex.Split(list), "|"); got != want {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
	l, err := javaregex.ParseList(`public\.(?!tmp_).*, shop\.[a-z&&[^x]]+`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"public.orders": true, "PUBLIC.Orders": true, "public.tmp_x": false,
		"shop.abc": true, "shop.axc": false, "xpublic.orders": false} {
		if l.Match(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func FuzzPatterns(f *testing.F) {
	f.Add(`(a|b)*[c-d&&[^d]]`, "abc")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 60 || len(text) > 60 || !utf8.ValidString(text) {
			return
		}
		p, err := javaregex.Compile(pattern)
		if err != nil {
			return
		}
		p.Matches(text)
		if r, err := p.Replacement("$0"); err == nil && p.ReplaceFirst(text, r) != text {
			t.Errorf("%q changes %q by replacing what it matches by itself", pattern, text)
		}
	})
}

func TestAListMatchesWholeNamesWithoutRegardToCase(t *testing.T) {
	list, err := javaregex.ParseList(`public\.a.*, Shop.T{1\,2}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"public.abc": true, "PUBLIC.A": true, "xpublic.a": false, "shop.tt": true,
		"shop.ttt": false} {
		if list.Match(name) != want {
			t.Errorf("%s matches: %t, want %t", name, !want, want)
		}
	}
}
