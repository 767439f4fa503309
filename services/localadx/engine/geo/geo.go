package geo

import (
	"errors"
	"math"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// earthRadius is in metres, as S2 has it.
const earthRadius = 6371010.0

// ErrUnsupported ends a query whose shapes this package cannot compute with exactly.
var ErrUnsupported = errors.New("this combination of shapes is not supported")

// Functions returns the implementations by name; their signatures are in package scalar.
func Functions() map[string]func([]any) any {
	return map[string]func([]any) any{
		"geo_point_to_geohash": pointToGeohash, "geo_geohash_to_central_point": geohashCenter,
		"geo_geohash_to_polygon": geohashPolygon,
		"geo_geohash_neighbors":  geohashNeighbors,
		"geo_point_to_s2cell":    pointToS2, "geo_s2cell_to_central_point": s2Center, "geo_s2cell_to_polygon": s2Polygon,
		"geo_s2cell_neighbors": s2Neighbors,
		"geo_point_to_h3cell":  pointToH3, "geo_h3cell_to_central_point": h3Center, "geo_h3cell_to_polygon": h3Polygon,
		"geo_h3cell_parent":   h3Parent,
		"geo_h3cell_children": h3Children, "geo_h3cell_level": h3Level, "geo_h3cell_neighbors": h3Neighbors,
		"geo_h3cell_rings":     h3Rings,
		"geo_distance_2points": distance2Points, "geo_azimuth": azimuth, "geo_angle": angle,
		"geo_point_in_circle":  pointInCircle,
		"geo_point_in_polygon": pointInPolygon, "geo_distance_point_to_line": distanceToLine,
		"geo_distance_point_to_polygon": distanceToPolygon,
		"geo_closest_point_on_line":     closestOnLine, "geo_closest_point_on_polygon": closestOnPolygon,
		"geo_line_length": lineLength, "geo_line_centroid": lineCentroid, "geo_line_interpolate_point": lineInterpolate,
		"geo_line_locate_point": lineLocate,
		"geo_line_to_s2cells":   lineToS2, "geo_line_simplify": lineSimplify, "geo_polygon_to_h3cells": polygonToH3,
		"geo_polygon_area": polygonArea, "geo_polygon_perimeter": polygonPerimeter, "geo_polygon_centroid": polygonCentroid,
		"geo_polygon_to_s2cells": polygonToS2, "geo_intersects_2lines": intersects2Lines,
		"geo_intersects_2polygons":         intersects2Polygons,
		"geo_intersects_line_with_polygon": intersectsLinePolygon, "geo_intersection_2lines": intersection2Lines,
		"geo_from_wkt": fromWKT,
	}
}

// point reads a longitude and a latitude; false if they are out of range.
func point(lng, lat any) (s2.Point, bool) {
	x, y := lng.(float64), lat.(float64)
	if !(x >= -180 && x <= 180 && y >= -90 && y <= 90) {
		return s2.Point{}, false
	}
	return s2.PointFromLatLng(s2.LatLngFromDegrees(y, x)), true
}

// pointJSON returns a GeoJSON point.
func pointJSON(p s2.Point) any {
	ll := s2.LatLngFromPoint(p)
	return geometry("Point", coordinates(ll))
}

func coordinates(ll s2.LatLng) []any { return []any{ll.Lng.Degrees(), ll.Lat.Degrees()} }

func geometry(kind string, coordinates any) *value.Bag {
	return &value.Bag{Keys: []string{"type", "coordinates"}, Values: []any{kind, coordinates}}
}

// ring returns a GeoJSON polygon of one closed ring.
func ring(points []any) any {
	return geometry("Polygon", []any{append(points, points[0])})
}

func metres(a s1.Angle) float64 { return a.Radians() * earthRadius }

func distance2Points(a []any) any {
	if _, ok := point(a[0], a[1]); !ok {
		return nil
	}
	if _, ok := point(a[2], a[3]); !ok {
		return nil
	}
	from := s2.LatLngFromDegrees(a[1].(float64), a[0].(float64))
	return metres(from.Distance(s2.LatLngFromDegrees(a[3].(float64), a[2].(float64))))
}

// bearing is the clockwise angle from north at p of the great circle to q, in radians from 0 to 2π.
func bearing(p, q s2.LatLng) float64 {
	d := q.Lng.Radians() - p.Lng.Radians()
	y := math.Sin(d) * math.Cos(q.Lat.Radians())
	x := math.Cos(p.Lat.Radians())*math.Sin(q.Lat.Radians()) - math.Sin(p.Lat.Radians())*math.Cos(
		q.Lat.Radians())*math.Cos(d)
	return positive(math.Atan2(y, x))
}

func positive(angle float64) float64 {
	if angle < 0 {
		return angle + 2*math.Pi
	}
	return angle
}

func azimuth(a []any) any {
	p, ok := point(a[0], a[1])
	q, ok2 := point(a[2], a[3])
	if !ok || !ok2 || p == q {
		return nil
	}
	return bearing(s2.LatLngFromPoint(p), s2.LatLngFromPoint(q))
}

// angle is the clockwise angle at the second point from the first to the third.
func angle(a []any) any {
	p, ok := point(a[0], a[1])
	q, ok2 := point(a[2], a[3])
	r, ok3 := point(a[4], a[5])
	if !ok || !ok2 || !ok3 || p == q || q == r {
		return nil
	}
	at := s2.LatLngFromPoint(q)
	return positive(bearing(at, s2.LatLngFromPoint(r)) - bearing(at, s2.LatLngFromPoint(p)))
}

func pointInCircle(a []any) any {
	p, ok := point(a[0], a[1])
	c, ok2 := point(a[2], a[3])
	radius := a[4].(float64)
	if !ok || !ok2 || radius < 0 || math.IsNaN(radius) {
		return nil
	}
	return metres(p.Distance(c)) <= radius
}
