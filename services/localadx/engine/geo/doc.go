// Package geo implements the geospatial functions of the Kusto query language with the libraries
// Kusto's own are built on: S2 for geometry on the sphere, H3 for hexagonal cells. Coordinates are
// longitude and latitude in degrees, shapes are GeoJSON, lengths are metres on a sphere of the
// Earth's mean radius.
package geo
