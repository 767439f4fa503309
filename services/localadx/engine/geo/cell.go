package geo

import (
	"slices"
	"strings"

	"github.com/golang/geo/s2"
	"github.com/uber/h3-go/v4"
)

// level returns the optional argument at i, or the default; false if it lies outside the range.
func level(a []any, i int, fallback, low, high int64) (int, bool) {
	n := fallback
	if len(a) > i {
		n = a[i].(int64)
	}
	return int(n), n >= low && n <= high
}

// geohashDigits is the base-32 alphabet of geohashes.
const geohashDigits = "0123456789bcdefghjkmnpqrstuvwxyz"

// box is a geohash cell: longitude and latitude bounds in degrees.
type box struct{ west, south, east, north float64 }

func encodeGeohash(lng, lat float64, length int) string {
	b := box{-180, -90, 180, 90}
	var out strings.Builder
	for digit := 0; out.Len() < length; digit = 0 {
		for bit := range 5 {
			digit <<= 1
			if (out.Len()*5+bit)%2 == 0 {
				if mid := (b.west + b.east) / 2; lng >= mid {
					digit |= 1
					b.west = mid
				} else {
					b.east = mid
				}
			} else if mid := (b.south + b.north) / 2; lat >= mid {
				digit |= 1
				b.south = mid
			} else {
				b.north = mid
			}
		}
		out.WriteByte(geohashDigits[digit])
	}
	return out.String()
}

func decodeGeohash(hash string) (box, bool) {
	b := box{-180, -90, 180, 90}
	if hash == "" || len(hash) > 18 {
		return b, false
	}
	even := true
	for i := range len(hash) {
		digit := strings.IndexByte(geohashDigits, hash[i])
		if digit < 0 {
			return b, false
		}
		for bit := 4; bit >= 0; bit-- {
			high := digit>>bit&1 == 1
			switch {
			case even && high:
				b.west = (b.west + b.east) / 2
			case even:
				b.east = (b.west + b.east) / 2
			case high:
				b.south = (b.south + b.north) / 2
			default:
				b.north = (b.south + b.north) / 2
			}
			even = !even
		}
	}
	return b, true
}

func pointToGeohash(a []any) any {
	_, ok := point(a[0], a[1])
	n, ok2 := level(a, 2, 5, 1, 18)
	if !ok || !ok2 {
		return nil
	}
	return encodeGeohash(a[0].(float64), a[1].(float64), n)
}

func geohashCenter(a []any) any {
	b, ok := decodeGeohash(a[0].(string))
	if !ok {
		return nil
	}
	return geometry("Point", []any{(b.west + b.east) / 2, (b.south + b.north) / 2})
}

func geohashPolygon(a []any) any {
	b, ok := decodeGeohash(a[0].(string))
	if !ok {
		return nil
	}
	return ring([]any{[]any{b.west, b.south}, []any{b.east, b.south}, []any{b.east, b.north}, []any{b.west, b.north}})
}

// geohashNeighbors lists the cells around one, clockwise from the north-west before they are put in hashOrder.
func geohashNeighbors(a []any) any {
	hash := a[0].(string)
	b, ok := decodeGeohash(hash)
	if !ok {
		return nil
	}
	width, height := b.east-b.west, b.north-b.south
	lng, lat := (b.west+b.east)/2, (b.south+b.north)/2
	var out []string
	for _, step := range [][2]float64{{-1, 1}, {0, 1}, {1, 1}, {1, 0}, {1, -1}, {0, -1}, {-1, -1}, {-1, 0}} {
		x, y := lng+step[0]*width, lat+step[1]*height
		if y > 90 || y < -90 {
			continue
		}
		if x > 180 {
			x -= 360
		} else if x < -180 {
			x += 360
		}
		out = append(out, encodeGeohash(x, y, len(hash)))
	}
	return list(hashOrder(out))
}

// list returns texts as a dynamic array.
func list(texts []string) []any {
	out := make([]any, len(texts))
	for i, text := range texts {
		out[i] = text
	}
	return out
}

func pointToS2(a []any) any {
	_, ok := point(a[0], a[1])
	n, ok2 := level(a, 2, 11, 0, 30)
	if !ok || !ok2 {
		return nil
	}
	return s2.CellIDFromLatLng(s2.LatLngFromDegrees(a[1].(float64), a[0].(float64))).Parent(n).ToToken()
}

func s2Cell(token any) (s2.CellID, bool) {
	id := s2.CellIDFromToken(token.(string))
	return id, id.IsValid() && id.ToToken() == token.(string)
}

func s2Center(a []any) any {
	id, ok := s2Cell(a[0])
	if !ok {
		return nil
	}
	return geometry("Point", coordinates(id.LatLng()))
}

func s2Polygon(a []any) any {
	id, ok := s2Cell(a[0])
	if !ok {
		return nil
	}
	cell := s2.CellFromCellID(id)
	points := make([]any, 4)
	for i := range points {
		points[i] = coordinates(s2.LatLngFromPoint(cell.Vertex(i)))
	}
	return ring(points)
}

func s2Neighbors(a []any) any {
	id, ok := s2Cell(a[0])
	if !ok {
		return nil
	}
	var out []string
	for _, n := range id.AllNeighbors(id.Level()) {
		// near a corner of the cube a neighbor is listed twice
		if token := n.ToToken(); !slices.Contains(out, token) {
			out = append(out, token)
		}
	}
	return list(hashOrder(out))
}

func pointToH3(a []any) any {
	_, ok := point(a[0], a[1])
	n, ok2 := level(a, 2, 6, 0, 15)
	if !ok || !ok2 {
		return nil
	}
	return h3.LatLngToCell(h3.NewLatLng(a[1].(float64), a[0].(float64)), n).String()
}

func h3Cell(text any) (h3.Cell, bool) {
	c := h3.Cell(h3.IndexFromString(text.(string)))
	return c, c.IsValid()
}

func h3Center(a []any) any {
	c, ok := h3Cell(a[0])
	if !ok {
		return nil
	}
	ll := c.LatLng()
	return geometry("Point", []any{ll.Lng, ll.Lat})
}

func h3Polygon(a []any) any {
	c, ok := h3Cell(a[0])
	if !ok {
		return nil
	}
	points := []any{}
	for _, ll := range c.Boundary() {
		points = append(points, []any{ll.Lng, ll.Lat})
	}
	return ring(points)
}

func h3Parent(a []any) any {
	c, ok := h3Cell(a[0])
	if !ok {
		return nil
	}
	n, ok := level(a, 1, int64(c.Resolution()-1), 0, int64(c.Resolution()-1))
	if !ok {
		return nil
	}
	return c.Parent(n).String()
}

// maxChildLevels bounds how many levels below a cell its children may be asked for, as Kusto does.
const maxChildLevels = 5

func h3Children(a []any) any {
	c, ok := h3Cell(a[0])
	if !ok {
		return nil
	}
	n, ok := level(a, 1, int64(c.Resolution()+1), int64(c.Resolution()+1), min(15, int64(c.Resolution()+maxChildLevels)))
	if !ok {
		return nil
	}
	return list(cells(c.Children(n)))
}

func cells(found []h3.Cell) []string {
	out := make([]string, len(found))
	for i, c := range found {
		out[i] = c.String()
	}
	return out
}

func h3Level(a []any) any {
	c, ok := h3Cell(a[0])
	if !ok {
		return nil
	}
	return int64(c.Resolution())
}

func h3Neighbors(a []any) any {
	c, ok := h3Cell(a[0])
	if !ok {
		return nil
	}
	return list(hashOrder(cells(c.GridDiskDistances(1)[1])))
}

// maxRings bounds the distance of rings, as Kusto does.
const maxRings = 142

func h3Rings(a []any) any {
	c, ok := h3Cell(a[0])
	n, ok2 := level(a, 1, 0, 0, maxRings)
	if !ok || !ok2 {
		return nil
	}
	out := []any{}
	for _, r := range c.GridDiskDistances(n) {
		out = append(out, list(cells(r)))
	}
	return out
}
