// Package value holds the scalar values of the Kusto query language: their types, their textual forms and the
// conversions between them. It does no I/O and knows neither SQL nor HTTP, so that the query engine, ingestion and the
// answer encoders share one notion of, say, what "2020-10-09 07:10" means as a datetime.
//
// A datetime is a count of 100 ns ticks since 0001-01-01T00:00:00Z, a timespan a count of 100 ns ticks: the
// representation Kusto itself has, which makes bin(), % and / exact integer arithmetic over the years 0001 to 9999.
package value
