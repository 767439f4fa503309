package geo

import (
	"math"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
	"github.com/uber/h3-go/v4"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// typed returns the type and the coordinates of a GeoJSON geometry; a Feature stands for its geometry.
func typed(v any) (kind string, coordinates []any) {
	bag, ok := v.(*value.Bag)
	if !ok {
		return "", nil
	}
	if inner, ok := bag.Get("geometry"); ok {
		return typed(inner)
	}
	t, _ := bag.Get("type")
	c, _ := bag.Get("coordinates")
	kind, _ = t.(string)
	coordinates, _ = c.([]any)
	return kind, coordinates
}

// positions reads a list of [lng, lat].
func positions(v any) ([]s2.Point, bool) {
	l, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]s2.Point, len(l))
	for i, el := range l {
		pair, ok := el.([]any)
		if !ok || len(pair) < 2 {
			return nil, false
		}
		lng, ok := value.Number(pair[0])
		lat, ok2 := value.Number(pair[1])
		if !ok || !ok2 {
			return nil, false
		}
		if out[i], ok = point(lng, lat); !ok {
			return nil, false
		}
	}
	return out, true
}

// lines reads a LineString or MultiLineString.
func lines(v any) ([]*s2.Polyline, bool) {
	kind, coords := typed(v)
	var parts []any
	switch kind {
	case "LineString":
		parts = []any{coords}
	case "MultiLineString":
		parts = coords
	}
	if len(parts) == 0 || len(coords) == 0 {
		return nil, false
	}
	var out []*s2.Polyline
	for _, part := range parts {
		points, ok := positions(part)
		if !ok || len(points) < 2 || repeated(points) {
			return nil, false
		}
		line := s2.Polyline(points)
		out = append(out, &line)
	}
	return out, true
}

// repeated reports whether two neighbours are the same point.
func repeated(points []s2.Point) bool {
	for i := 1; i < len(points); i++ {
		if points[i] == points[i-1] {
			return true
		}
	}
	return false
}

// polygons reads a Polygon or MultiPolygon, each with its holes.
func polygons(v any) ([]*s2.Polygon, bool) {
	kind, coords := typed(v)
	var parts []any
	switch kind {
	case "Polygon":
		parts = []any{coords}
	case "MultiPolygon":
		parts = coords
	}
	if len(parts) == 0 || len(coords) == 0 {
		return nil, false
	}
	var out []*s2.Polygon
	for _, part := range parts {
		rings, ok := part.([]any)
		if !ok || len(rings) == 0 {
			return nil, false
		}
		var loops []*s2.Loop
		for _, r := range rings {
			points, ok := positions(r)
			if !ok || len(points) < 4 || points[0] != points[len(points)-1] || repeated(points) {
				return nil, false
			}
			loop := s2.LoopFromPoints(points[:len(points)-1])
			if loop.Validate() != nil {
				return nil, false
			}
			loop.Normalize()
			loops = append(loops, loop)
		}
		out = append(out, s2.PolygonFromLoops(loops))
	}
	return out, true
}

func pointInPolygon(a []any) any {
	p, ok := point(a[0], a[1])
	list, ok2 := polygons(a[2])
	if !ok || !ok2 {
		return nil
	}
	for _, polygon := range list {
		if polygon.ContainsPoint(p) {
			return true
		}
	}
	return false
}

// nearest returns the point on edges that is closest to p, and its distance.
func nearest(p s2.Point, edges []s2.Edge) (s2.Point, s1.Angle) {
	best, distance := s2.Point{}, s1.InfAngle()
	for _, e := range edges {
		q := s2.Project(p, e.V0, e.V1)
		if d := p.Distance(q); d < distance {
			best, distance = q, d
		}
	}
	return best, distance
}

func lineEdges(list []*s2.Polyline) []s2.Edge {
	var out []s2.Edge
	for _, l := range list {
		for i := range l.NumEdges() {
			out = append(out, l.Edge(i))
		}
	}
	return out
}

func polygonEdges(list []*s2.Polygon) []s2.Edge {
	var out []s2.Edge
	for _, p := range list {
		for i := range p.NumEdges() {
			out = append(out, p.Edge(i))
		}
	}
	return out
}

func distanceToLine(a []any) any {
	p, ok := point(a[0], a[1])
	list, ok2 := lines(a[2])
	if !ok || !ok2 {
		return nil
	}
	_, d := nearest(p, lineEdges(list))
	return metres(d)
}

func closestOnLine(a []any) any {
	p, ok := point(a[0], a[1])
	list, ok2 := lines(a[2])
	if !ok || !ok2 {
		return nil
	}
	q, _ := nearest(p, lineEdges(list))
	return pointJSON(q)
}

func distanceToPolygon(a []any) any {
	inside := pointInPolygon(a)
	if inside == nil {
		return nil
	}
	if inside == true {
		return 0.0
	}
	p, _ := point(a[0], a[1])
	list, _ := polygons(a[2])
	_, d := nearest(p, polygonEdges(list))
	return metres(d)
}

func closestOnPolygon(a []any) any {
	inside := pointInPolygon(a)
	if inside == nil {
		return nil
	}
	p, _ := point(a[0], a[1])
	if inside == true {
		return pointJSON(p)
	}
	list, _ := polygons(a[2])
	q, _ := nearest(p, polygonEdges(list))
	return pointJSON(q)
}

func lineLength(a []any) any {
	list, ok := lines(a[0])
	if !ok {
		return nil
	}
	if !apart(list) {
		return ErrUnsupported
	}
	total := s1.Angle(0)
	for _, l := range list {
		total += l.Length()
	}
	return metres(total)
}

// apart reports whether no two lines meet, so that their union is no different from them.
func apart(list []*s2.Polyline) bool {
	for i := range list {
		for j := i + 1; j < len(list); j++ {
			if list[i].Intersects(list[j]) {
				return false
			}
		}
	}
	return true
}

func lineCentroid(a []any) any {
	list, ok := lines(a[0])
	if !ok {
		return nil
	}
	if !apart(list) {
		return ErrUnsupported
	}
	sum := s2.Point{}
	for _, l := range list {
		sum = s2.Point{Vector: sum.Add(l.Centroid().Vector)}
	}
	return pointJSON(s2.Point{Vector: sum.Normalize()})
}

func lineInterpolate(a []any) any {
	list, ok := lines(a[0])
	fraction := a[1].(float64)
	if !ok || len(list) > 1 || !(fraction >= 0 && fraction <= 1) {
		return nil
	}
	p, _ := list[0].Interpolate(fraction)
	return pointJSON(p)
}

// lineLocate is the fraction of the line's length at which it is closest to a point.
func lineLocate(a []any) any {
	list, ok := lines(a[0])
	p, ok2 := point(a[1], a[2])
	if !ok || !ok2 || len(list) > 1 {
		return nil
	}
	var before, at, best s1.Angle
	best = s1.InfAngle()
	for _, e := range lineEdges(list) {
		q := s2.Project(p, e.V0, e.V1)
		if d := p.Distance(q); d < best {
			best, at = d, before+e.V0.Distance(q)
		}
		before += e.V0.Distance(e.V1)
	}
	return math.Min(1, at.Radians()/before.Radians())
}

// separate reports whether no two of the polygons touch: sums over them are then exact.
func separate(list []*s2.Polygon) bool {
	for i := range list {
		for j := i + 1; j < len(list); j++ {
			if list[i].Intersects(list[j]) {
				return false
			}
		}
	}
	return true
}

func polygonArea(a []any) any {
	list, ok := polygons(a[0])
	if !ok {
		return nil
	}
	if !separate(list) {
		return ErrUnsupported
	}
	area := 0.0
	for _, p := range list {
		area += p.Area()
	}
	return area * earthRadius * earthRadius
}

func polygonPerimeter(a []any) any {
	list, ok := polygons(a[0])
	if !ok {
		return nil
	}
	if !separate(list) {
		return ErrUnsupported
	}
	total := s1.Angle(0)
	for _, e := range polygonEdges(list) {
		total += e.V0.Distance(e.V1)
	}
	return metres(total)
}

func polygonCentroid(a []any) any {
	list, ok := polygons(a[0])
	if !ok {
		return nil
	}
	if !separate(list) {
		return ErrUnsupported
	}
	sum := s2.Point{}
	for _, p := range list {
		sum = s2.Point{Vector: sum.Add(p.Centroid().Vector)}
	}
	return pointJSON(s2.Point{Vector: sum.Normalize()})
}

// maxCovering bounds the cells of a covering, as Kusto does.
const maxCovering = 65536

// covering lists the S2 cells of one level that cover regions.
func covering(regions []s2.Region, n int) any {
	var union s2.CellUnion
	for _, r := range regions {
		if r.CapBound().Area()/s2.AvgAreaMetric.Value(n) > 4*maxCovering {
			return nil
		}
		coverer := &s2.RegionCoverer{MinLevel: n, MaxLevel: n, MaxCells: 8}
		union = append(union, coverer.Covering(r)...)
	}
	seen := map[s2.CellID]bool{}
	out := []any{}
	for _, id := range union {
		if !seen[id] {
			seen[id] = true
			out = append(out, id.ToToken())
		}
	}
	if len(out) > maxCovering {
		return nil
	}
	return out
}

func polygonToS2(a []any) any {
	list, ok := polygons(a[0])
	n, ok2 := level(a, 1, 11, 0, 30)
	if !ok || !ok2 {
		return nil
	}
	regions := make([]s2.Region, len(list))
	for i, p := range list {
		regions[i] = p
	}
	return covering(regions, n)
}

func lineToS2(a []any) any {
	list, ok := lines(a[0])
	n, ok2 := level(a, 1, 11, 0, 30)
	if !ok || !ok2 {
		return nil
	}
	regions := make([]s2.Region, len(list))
	for i, l := range list {
		regions[i] = l
	}
	return covering(regions, n)
}

func intersects2Lines(a []any) any {
	x, ok := lines(a[0])
	y, ok2 := lines(a[1])
	if !ok || !ok2 {
		return nil
	}
	for _, l := range x {
		for _, m := range y {
			if l.Intersects(m) {
				return true
			}
		}
	}
	return false
}

func intersects2Polygons(a []any) any {
	x, ok := polygons(a[0])
	y, ok2 := polygons(a[1])
	if !ok || !ok2 {
		return nil
	}
	for _, p := range x {
		for _, q := range y {
			if p.Intersects(q) {
				return true
			}
		}
	}
	return false
}

func intersectsLinePolygon(a []any) any {
	x, ok := lines(a[0])
	y, ok2 := polygons(a[1])
	if !ok || !ok2 {
		return nil
	}
	for _, l := range x {
		for _, p := range y {
			if p.ContainsPoint((*l)[0]) || crosses(lineEdges([]*s2.Polyline{l}), polygonEdges([]*s2.Polygon{p})) {
				return true
			}
		}
	}
	return false
}

func crosses(x, y []s2.Edge) bool {
	for _, e := range x {
		for _, f := range y {
			if s2.CrossingSign(e.V0, e.V1, f.V0, f.V1) != s2.DoNotCross {
				return true
			}
		}
	}
	return false
}

// intersection2Lines returns where two lines cross. Lines that share vertices or run along each other are refused.
func intersection2Lines(a []any) any {
	x, ok := lines(a[0])
	y, ok2 := lines(a[1])
	if !ok || !ok2 {
		return nil
	}
	var points []any
	var last any
	for _, e := range lineEdges(x) {
		for _, f := range lineEdges(y) {
			switch s2.CrossingSign(e.V0, e.V1, f.V0, f.V1) {
			case s2.MaybeCross:
				return ErrUnsupported
			case s2.Cross:
				last = pointJSON(s2.Intersection(e.V0, e.V1, f.V0, f.V1))
				points = append(points, last)
			}
		}
	}
	switch len(points) {
	case 0:
		return &value.Bag{Keys: []string{"type", "geometries"}, Values: []any{"GeometryCollection", []any{}}}
	case 1:
		return last
	}
	return ErrUnsupported
}

// lineSimplify drops vertices that lie within a tolerance, in metres (default 10), of the line without them.
func lineSimplify(a []any) any {
	list, ok := lines(a[0])
	tolerance := 10.0
	if len(a) > 1 {
		tolerance = a[1].(float64)
	}
	if !ok || !(tolerance >= 0 && tolerance <= 7800000) {
		return nil
	}
	if len(list) > 1 {
		return ErrUnsupported
	}
	if metres(list[0].Length()) < tolerance {
		return nil // nothing is left of the line
	}
	coords := []any{}
	for _, i := range list[0].SubsampleVertices(s1.Angle(tolerance / earthRadius)) {
		coords = append(coords, coordinates(s2.LatLngFromPoint((*list[0])[i])))
	}
	return geometry("LineString", coords)
}

// polygonToH3 lists the H3 cells whose centres lie in polygons.
func polygonToH3(a []any) any {
	shapes, ok := polygons(a[0])
	n, ok2 := level(a, 1, 6, 0, 15)
	if !ok || !ok2 {
		return nil
	}
	var out []string
	for _, p := range shapes {
		shape := h3.GeoPolygon{}
		for i := range p.NumLoops() {
			var ring h3.GeoLoop
			for _, v := range p.Loop(i).Vertices() {
				ll := s2.LatLngFromPoint(v)
				ring = append(ring, h3.NewLatLng(ll.Lat.Degrees(), ll.Lng.Degrees()))
			}
			if p.Loop(i).IsHole() {
				shape.Holes = append(shape.Holes, ring)
			} else {
				shape.GeoLoop = ring
			}
		}
		if p.Area()*earthRadius*earthRadius/h3.HexagonAreaAvgM2(n) > maxCovering {
			return nil
		}
		out = append(out, cells(shape.Cells(n))...)
	}
	return list(hashOrder(out))
}
