package main

import "strings"

// board is one dashboard of Grafana.
type board struct {
	// uid is the name of the file and the end of the dashboard's address: both stay.
	uid, title, about string
	// choices are what a reader narrows the board down to, besides the installation.
	choices []choice
	rows    []row
}

// choice is a variable whose values Prometheus knows.
type choice struct {
	name, label, about string
	// metric has a label of the choice's name.
	metric string
}

// row is a heading with panels below it, left to right and then down, 24 columns wide.
type row struct {
	title string
	// folded rows are asked for nothing until a reader opens them.
	folded bool
	panels []panel
}

// kind is how a panel shows its values.
type kind int

const (
	// lines are a graph over time.
	lines kind = iota
	// areas are one that adds up.
	areas
	// number is the newest value of each query.
	number
	// list is a table of the newest values, worst first.
	list
	// states are coloured bars over time.
	states
	// buckets are a heat map of a histogram.
	buckets
)

// panel shows the answers of its queries.
type panel struct {
	title string
	// about says what is seen, and what to think of it.
	about string
	kind  kind
	// unit is one of Grafana's.
	unit string
	// width is in columns of 24.
	width   uint32
	queries []query
	// warn and bad are the bounds from which a value is coloured: rising values are worse, unless bad is
	// below warn. Without them nothing is.
	warn, bad float64
	// words are the texts of whole numbers, from 1, with a colour each.
	words []word
	// none is what to show where there is nothing, if that is good news.
	none string
}

type word struct{ text, colour string }

// query is an expression and the name of its series: a template over their labels, or of a list's column of values.
type query struct{ expr, name string }

const (
	green, yellow, orange, red, blue, grey = "green", "yellow", "orange", "red", "blue", "text"
)

// where chooses the installation. A label that is not there is empty, which the choice of all takes.
const where = `cluster=~"$cluster", namespace=~"$namespace"`

// of is a metric of the chosen installation, with further conditions.
func of(metric string, conditions ...string) string {
	return metric + "{" + strings.Join(append([]string{where}, conditions...), ", ") + "}"
}

// per gives one series for each object: a second admin or a worker that takes over makes no second one.
func per(how, vector string, object ...string) string {
	return how + " by (" + strings.Join(object, ", ") + ") (" + vector + ")"
}

// speed is a counter's growth a second.
func speed(counter string) string { return "rate(" + counter + "[$__rate_interval])" }

// Conditions of the choices.
const (
	thisPipeline  = `pipeline=~"$pipeline"`
	thisTable     = `table=~"$table"`
	thisConnector = `connector=~"$pipeline"`
)

var (
	byPipeline = choice{"pipeline", "Pipeline", "Source connectors.", "cdc_pipeline_verdict"}
	byTable    = choice{"table", "Table", "Tables of the pipelines.", "cdc_table_lag_seconds"}
)

// Words of the numbers that stand for states.
var (
	verdicts = []word{{"healthy", green}, {"snapshotting", blue}, {"paused", grey}, {"degraded", orange}, {"broken", red}}
	checks   = []word{{"ok", green}, {"notice", blue}, {"warning", orange}, {"error", red}}
	phases   = []word{{"connecting", yellow}, {"snapshotting", blue}, {"streaming", green}, {"retrying", orange}, {"failed", red}}
	running  = []word{{"unassigned", orange}, {"running", green}, {"paused", grey}, {"failed", red}, {"restarting", yellow},
		{"stopped", grey}}
)

// boards are all dashboards.
func boards() []board {
	return []board{fleet(), pipeline(), tables(), slot(), workers()}
}
