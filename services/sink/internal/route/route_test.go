package route

import (
	"strings"
	"testing"
)

func TestTheUseCasesMappingIsReadAsItStands(t *testing.T) {
	r, err := Parse(
		`[{'topic': 'myserver.retail.orders_info','db': 'MyDatabase', 'table': 'Orders','format': 'json', 'mapping':'OrdersEventMapping'}]`)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := r.Find("myserver.retail.orders_info")
	want := Route{Topic: "myserver.retail.orders_info", Database: "MyDatabase", Table: "Orders", Format: "json",
		Mapping: "OrdersEventMapping"}
	if !ok || got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
	if _, ok := r.Find("other"); ok {
		t.Fatal("a topic that is not mapped has a route")
	}
}

func TestExactTopicsWinOverPatternsAndPatternsOverTheStar(t *testing.T) {
	r, err := Parse(`[{"topic":"*","db":"d","table":"rest"},
		{'topic':'s\.(\w+)\.(\w+)','regex':true,'db':'$1','table':'${2}_log$1_${1}0','streaming':'true'},
		{"topic":"s.retail.orders","db":"d","table":"Orders","format":"CSV"}]`)
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]string{"s.retail.orders": "d.Orders csv false",
		"s.retail.items": "retail.items_logretail_retail0 json true", "x": "d.rest json false"} {
		got, ok := r.Find(topic)
		if text := got.Database + "." + got.Table + " " + got.Format + " " + map[bool]string{true: "true",
			false: "false"}[got.Streaming]; !ok || text != want {
			t.Errorf("%s goes to %s, want %s", topic, text, want)
		}
	}
	if n := len(r.Fixed()); n != 2 {
		t.Errorf("%d fixed routes, want 2", n)
	}
}

func TestAMappingThatCannotBeReadSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		``:                "empty",
		`[]`:              "maps no topic",
		`[{'topic':'a'}]`: "entry 1: db is missing",
		`[{'topic':'a`:    "does not end",
		`[{'topic':'a','db':'d','table':'t','format':'xml'}]`:                     "format \"xml\" is unknown",
		`[{'topic':'a','db':'d','table':'t'},{'topic':'a','db':'d','table':'u'}]`: "mapped twice",
		`[{'topic':'(','regex':true,'db':'d','table':'t'}]`:                       "no regular expression",
		`[{'topic':'a','db':'d','table':'t','tabel':'u'}]`:                        "unknown field",
		`[{'topic':'a','db':'d','table':'t','streaming':'yes'}]`:                  "neither true nor false",
		`[{'topic':'a','db':'d','table':'t'}] x`:                                  "follows",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`[{'topic': 'a','db': 'd', 'table': 'it\'s','format': 'json'}]`)
	f.Add(`[{"topic":"a\\.b","regex":true,"db":"$1","table":"t"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil {
			return
		}
		for _, route := range r.Fixed() {
			r.Find(route.Topic)
		}
	})
}
