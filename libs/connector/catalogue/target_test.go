package catalogue_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// colour is a mode, as connectors have them.
type colour int

const (
	red colour = iota
	blue
)

type settings struct {
	name      string
	port      uint16
	wait      time.Duration
	on        bool
	items     []string
	colour    colour
	named     bool
	even      int
	members   map[string]string
	untouched string
}

func (s *settings) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "name", Type: catalogue.String, Into: catalogue.Text(&s.name)},
		{Name: "port", Type: catalogue.Int, Default: catalogue.Default("5432"), Into: catalogue.Number(&s.port)},
		{Name: "wait.ms", Type: catalogue.Long, Default: catalogue.Default("1500"), Into: catalogue.Milliseconds(&s.wait)},
		{Name: "on", Type: catalogue.Boolean, Into: catalogue.Flag(&s.on)},
		{Name: "items", Type: catalogue.List, Into: catalogue.Strings(&s.items)},
		{Name: "colour", Type: catalogue.String, Default: catalogue.Default("red"), Into: catalogue.Given(&s.named,
			catalogue.OneOf(&s.colour, catalogue.Word[colour]{Text: "red", Means: red},
				catalogue.Word[colour]{Text: "blue", Means: blue}))},
		{Name: "even", Type: catalogue.String, Into: catalogue.Read(&s.even, func(text string) (int, error) {
			if len(text)%2 == 1 {
				return 0, fmt.Errorf("%q has an odd length", text)
			}
			return len(text), nil
		})},
		{Name: "member.*", Type: catalogue.String, Into: catalogue.Family(&s.members)},
		{Name: "untouched", Type: catalogue.String, Into: catalogue.Text(&s.untouched)},
	}
}

func parsed(t *testing.T, config map[string]string) (catalogue.Values, []catalogue.Problem) {
	t.Helper()
	c, err := catalogue.New(new(settings).keys())
	if err != nil {
		t.Fatal(err)
	}
	values, _, problems := c.Parse(config)
	return values, problems
}

func TestAKeyFillsTheVariableThatItsDeclarationNames(t *testing.T) {
	values, problems := parsed(t, map[string]string{"name": "n", "on": "TRUE", "items": "a, ,b", "colour": "Blue",
		"even": "four", "member.x": "1"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s := settings{untouched: "as it was"}
	if err := catalogue.Fill(values, s.keys()); err != nil {
		t.Fatal(err)
	}
	if s.name != "n" || s.port != 5432 || s.wait != 1500*time.Millisecond || !s.on || strings.Join(s.items, "|") != "a|b" ||
		s.colour != blue || !s.named || s.even != 4 || s.members["x"] != "1" || s.untouched != "as it was" {
		t.Errorf("%+v", s)
	}
}

func TestADefaultIsToldFromAValueThatIsGiven(t *testing.T) {
	values, _ := parsed(t, nil)
	s := settings{named: true}
	if err := catalogue.Fill(values, s.keys()); err != nil || s.named || s.colour != red {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestAWordThatMeansNothingIsRefusedByTheKey(t *testing.T) {
	if _, problems := parsed(t, map[string]string{"colour": "green"}); len(problems) != 1 || problems[0].Key != "colour" ||
		!strings.Contains(problems[0].Message, "red, blue") {
		t.Errorf("%v", problems)
	}
}

func TestWhatAVariableCannotHoldIsAProblemOfItsKey(t *testing.T) {
	values, _ := parsed(t, map[string]string{"port": "70000", "even": "odd"})
	err := catalogue.Fill(values, new(settings).keys())
	if problem, ok := errors.AsType[catalogue.Problem](err); !ok || problem.Key != "port" ||
		!strings.Contains(err.Error(), `even: "odd" has an odd length`) {
		t.Errorf("%v", err)
	}
}

func TestADeclarationAndItsVariableMustFit(t *testing.T) {
	var s settings
	for what, key := range map[string]catalogue.Key{
		"a flag for a number":       {Name: "k", Type: catalogue.Int, Into: catalogue.Flag(&s.on)},
		"a family for one key":      {Name: "k", Type: catalogue.String, Into: catalogue.Family(&s.members)},
		"a key without effect":      {Name: "k", Type: catalogue.String, Unsupported: "no", Into: catalogue.Text(&s.name)},
		"a default that is no word": {Name: "k", Default: catalogue.Default("x"), Into: catalogue.Choice(&s.name, "a")},
	} {
		if _, err := catalogue.New([]catalogue.Key{key}); err == nil {
			t.Errorf("%s was declared", what)
		}
	}
}

func TestTheSettingsOfAPartAreFilledUnderItsPrefix(t *testing.T) {
	var s struct {
		text, passed string
		off          bool
		list         []string
	}
	keys := func() []catalogue.Key {
		return []catalogue.Key{
			{Name: "text", Aliases: []string{"old"}, Type: catalogue.String, Required: true, Into: catalogue.Text(&s.text)},
			{Name: "passed", Type: catalogue.String, Dialect: catalogue.Passed, Check: catalogue.NotEmpty,
				Into: catalogue.Text(&s.passed)},
			{Name: "on", Type: catalogue.Boolean, Default: catalogue.Default("true"), Into: catalogue.Unless(&s.off)},
			{Name: "list", Type: catalogue.List, Into: catalogue.Read(&s.list, func(list string) ([]string, error) {
				return nil, catalogue.Fault("No " + list)
			})},
		}
	}
	settings, err := catalogue.FillPart("p.", keys(), map[string]string{"p.old": " a ", "p.passed": " b ", "p.on": "FALSE",
		"p.other": "", "text": "x"})
	if err != nil || s.text != "a" || s.passed != " b " || !s.off {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := catalogue.FillPart("p.", keys(), map[string]string{"p.text": ""}); err != nil || s.text != "" || s.off {
		t.Errorf("an empty text, and a default: %+v %v", s, err)
	}
	for want, config := range map[string]map[string]string{
		`p.text: Missing required configuration "p.text" which has no default value.`:              {},
		"p.passed: Invalid value   for configuration p.passed: String must be non-empty":           {"p.text": "", "p.passed": " "},
		"p.on: Invalid value no for configuration p.on: Expected value to be either true or false": {"p.text": "", "p.on": "no"},
		"p.list: Invalid value [a, b] for configuration p.list: No a,b":                            {"p.text": "", "p.list": "a,b"},
	} {
		_, err := catalogue.FillPart("p.", keys(), config)
		var problem catalogue.Problem
		if !errors.As(err, &problem) || problem.Key+": "+problem.Message != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for want, err := range map[string]error{
		"Invalid value  b  for configuration p.passed: it is too short":       settings.Refuse(&s.passed, "it is too short"),
		`Missing required configuration "p.text" which has no default value.`: settings.Missing(&s.text),
	} {
		if err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if name := settings.Name(&s.off); name != "p.on" {
		t.Errorf("got %s", name)
	}
}
