package scalar

// geoSignatures are the geospatial functions. They are computed with S2 and H3, which package
// engine/geo brings in: this package only tells the compiler their types. The result of each is
// null ("" for string) for invalid input.
var geoSignatures = []string{
	"geo_point_to_geohash(real, real, long?) string",
	"geo_geohash_to_central_point(string) dynamic",
	"geo_geohash_to_polygon(string) dynamic",
	"geo_geohash_neighbors(string) dynamic",
	"geo_point_to_s2cell(real, real, long?) string",
	"geo_s2cell_to_central_point(string) dynamic",
	"geo_s2cell_to_polygon(string) dynamic",
	"geo_s2cell_neighbors(string) dynamic",
	"geo_point_to_h3cell(real, real, long?) string",
	"geo_h3cell_to_central_point(string) dynamic",
	"geo_h3cell_to_polygon(string) dynamic",
	"geo_h3cell_parent(string, long?) string",
	"geo_h3cell_children(string, long?) dynamic",
	"geo_h3cell_level(string) int",
	"geo_h3cell_neighbors(string) dynamic",
	"geo_h3cell_rings(string, long) dynamic",
	"geo_distance_2points(real, real, real, real) real",
	"geo_azimuth(real, real, real, real) real",
	"geo_angle(real, real, real, real, real, real) real",
	"geo_point_in_circle(real, real, real, real, real) bool",
	"geo_point_in_polygon(real, real, dynamic) bool",
	"geo_distance_point_to_line(real, real, dynamic) real",
	"geo_distance_point_to_polygon(real, real, dynamic) real",
	"geo_closest_point_on_line(real, real, dynamic) dynamic",
	"geo_closest_point_on_polygon(real, real, dynamic) dynamic",
	"geo_line_length(dynamic) real",
	"geo_line_centroid(dynamic) dynamic",
	"geo_line_interpolate_point(dynamic, real) dynamic",
	"geo_line_locate_point(dynamic, real, real) real",
	"geo_line_simplify(dynamic, real?) dynamic",
	"geo_polygon_to_h3cells(dynamic, long?) dynamic",
	"geo_line_to_s2cells(dynamic, long?) dynamic",
	"geo_polygon_area(dynamic) real",
	"geo_polygon_perimeter(dynamic) real",
	"geo_polygon_centroid(dynamic) dynamic",
	"geo_polygon_to_s2cells(dynamic, long?) dynamic",
	"geo_intersects_2lines(dynamic, dynamic) bool",
	"geo_intersects_2polygons(dynamic, dynamic) bool",
	"geo_intersects_line_with_polygon(dynamic, dynamic) bool",
	"geo_intersection_2lines(dynamic, dynamic) dynamic",
	"geo_from_wkt(string) dynamic",
}

// geospatial returns the geospatial functions without their Eval.
func geospatial() []Function {
	out := make([]Function, len(geoSignatures))
	for i, s := range geoSignatures {
		out[i] = Function{Signature: ParseSignature(s)}
	}
	return out
}
