package rest

import (
	"encoding/json"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
)

// chart is how a client is to draw a result, with all members that Kusto writes.
type chart struct {
	Visualization  *string
	Title          *string
	XColumn        *string
	Series         []string
	YColumns       []string
	AnomalyColumns []string
	XTitle         *string
	YTitle         *string
	XAxis          *string
	YAxis          *string
	Legend         *string
	YSplit         *string
	Accumulate     bool
	IsQuerySorted  bool
	Kind           *string
	Ymin           any
	Ymax           any
	Xmin           any
	Xmax           any
}

// visualization is the JSON of the plan's render operator.
func visualization(plan *kql.Plan) []byte {
	c := chart{Ymin: "NaN", Ymax: "NaN"}
	if plan != nil && plan.Visualization != nil {
		c.fill(plan.Visualization)
	}
	text, err := json.Marshal(c)
	if err != nil {
		return []byte("{}")
	}
	return text
}

func (c *chart) fill(r *kql.Render) {
	c.Visualization = &r.Visualization
	text := func(key string) *string {
		if v, ok := r.Properties[key]; ok {
			return &v
		}
		return nil
	}
	list := func(key string) []string {
		v, ok := r.Properties[key]
		if !ok {
			return nil
		}
		var names []string
		for name := range strings.SplitSeq(v, ",") {
			names = append(names, strings.TrimSpace(name))
		}
		return names
	}
	limit := func(key string, otherwise any) any {
		if v, ok := r.Properties[key]; ok && json.Valid([]byte(v)) {
			return json.RawMessage(v)
		}
		return otherwise
	}
	c.Title, c.XColumn, c.XTitle, c.YTitle = text("title"), text("xcolumn"), text("xtitle"), text("ytitle")
	c.XAxis, c.YAxis, c.Legend, c.YSplit, c.Kind = text("xaxis"), text("yaxis"), text("legend"),
		text("ysplit"), text("kind")
	c.Series, c.YColumns, c.AnomalyColumns = list("series"), list("ycolumns"), list("anomalycolumns")
	c.Accumulate = strings.EqualFold(r.Properties["accumulate"], "true")
	c.Ymin, c.Ymax = limit("ymin", "NaN"), limit("ymax", "NaN")
	c.Xmin, c.Xmax = limit("xmin", nil), limit("xmax", nil)
}
