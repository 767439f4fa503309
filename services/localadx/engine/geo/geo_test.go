package geo

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

func decode(t *testing.T, text string) any {
	t.Helper()
	v, err := value.DecodeDynamic(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCellsOfAPoint(t *testing.T) {
	for _, c := range []struct {
		name  string
		level int64
		want  string
	}{{"geo_point_to_geohash", 8, "dhwfz15h"}, {"geo_point_to_s2cell", 8, "88d9b"}} {
		f := Functions()[c.name]
		if got := f([]any{-80.195829, 25.802215, c.level}); got != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
		if invalid := f([]any{300.0, 1.0}); invalid != nil {
			t.Errorf("%s of an invalid point: %v", c.name, invalid)
		}
	}
	if got := pointToH3([]any{-74.04450446039874, 40.689250859314974, int64(6)}); got != "862a1072fffffff" {
		t.Errorf("H3: %v", got)
	}
}

func TestShapesThatAreNoShapesGiveNull(t *testing.T) {
	for _, text := range []string{`null`, `1`, `{}`, `{"type":"Polygon"}`, `{"type":"Polygon","coordinates":[]}`,
		`{"type":"Polygon","coordinates":[[[0,0],[1,1]]]}`,
		`{"type":"Polygon","coordinates":[[[0,0],[10,10],[10,10],[0,0]]]}`,
		`{"type":"Polygon","coordinates":[[[0,0],[999,1],[1,2],[0,0]]]}`} {
		if got := polygonArea([]any{decode(t, text)}); got != nil {
			t.Errorf("%s has the area %v", text, got)
		}
	}
	for _, text := range []string{`{"type":"LineString"}`, `{"type":"LineString","coordinates":[[1,1]]}`,
		`{"type":"LineString","coordinates":[[1,1],"x"]}`} {
		if got := lineLength([]any{decode(t, text)}); got != nil {
			t.Errorf("%s has the length %v", text, got)
		}
	}
}

func TestAGeohashContainsItsPoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lng, lat := rapid.Float64Range(-180, 180).Draw(t, "lng"), rapid.Float64Range(-90, 90).Draw(t, "lat")
		length := rapid.IntRange(1, 12).Draw(t, "length")
		b, ok := decodeGeohash(encodeGeohash(lng, lat, length))
		if !ok || lng < b.west || lng > b.east || lat < b.south || lat > b.north {
			t.Fatalf("%v does not contain %v, %v", b, lng, lat)
		}
	})
}

func TestDistanceIsSymmetricAndZeroAtThePoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lng := rapid.Float64Range(-180, 180)
		lat := rapid.Float64Range(-90, 90)
		p := []any{lng.Draw(t, "a"), lat.Draw(t, "b"), lng.Draw(t, "c"), lat.Draw(t, "d")}
		d := distance2Points(p).(float64)
		back := distance2Points([]any{p[2], p[3], p[0], p[1]}).(float64)
		if d < 0 || d-back > 1e-6 || back-d > 1e-6 {
			t.Fatalf("%v and %v", d, back)
		}
		if same := distance2Points([]any{p[0], p[1], p[0], p[1]}).(float64); same != 0 {
			t.Fatalf("%v to itself", same)
		}
	})
}

// FuzzWKT checks that no text makes the reader panic.
func FuzzWKT(f *testing.F) {
	for _, seed := range []string{"POINT (1 2)", "MULTIPOLYGON (((0 0, 2 0, 2 2, 0 0)))",
		"GEOMETRYCOLLECTION (POINT (1 1))", "LINESTRING"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { fromWKT([]any{text}) })
}

func TestCellsAreListedInTheOrderOfTheEngine(t *testing.T) {
	for _, c := range []struct{ name, cell, want string }{
		{"geo_geohash_neighbors", "sunny", `["sunnv","sunnt","sunnw","sunnx","sunpp","sunnz","sunpn","sunpj"]`},
		{"geo_s2cell_neighbors", "89c259", `["89c25d","89c25b","89c2f7","89c257","89c2f5","89c251","89c25f","89c2f9"]`},
	} {
		if got := string(value.EncodeDynamic(Functions()[c.name]([]any{c.cell}))); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestOrderingByHashKeepsEveryText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfDistinct(rapid.String(), rapid.ID[string]).Draw(t, "texts")
		got := hashOrder(slices.Clone(texts))
		slices.Sort(texts)
		slices.Sort(got)
		if !slices.Equal(got, texts) {
			t.Fatalf("%q became %q", texts, got)
		}
	})
}
