package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

const (
	defaultPage = "http://localhost:9090"
	columns     = 24
	tag         = "calypso"
	// ofPipeline is admin's view of the pipeline in the column of a list.
	ofPipeline = "${page}/ui/pipelines/${__data.fields.pipeline}"
)

// heights of panels, in Grafana's units of 30 pixels.
var heights = map[kind]uint32{lines: 8, areas: 8, number: 4, list: 8, states: 8, buckets: 8}

// source is the Prometheus that the reader chose.
var source = common.DataSourceRef{Type: ptr("prometheus"), Uid: ptr("${datasource}")}

func ptr[T any](v T) *T { return &v }

// render gives a dashboard as the JSON that Grafana's provisioning reads.
func render(b board, page string) ([]byte, error) {
	out := dashboard.NewDashboardBuilder(b.title).Uid(b.uid).Description(b.about).Tags([]string{tag}).
		Refresh("30s").Time("now-3h", "now").Timezone("browser").Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Variables(variables(b, page)).Annotations([]cog.Builder[dashboard.AnnotationQuery]{starts()}).
		Link(dashboard.NewDashboardLinkBuilder("Calypso").Type(dashboard.DashboardLinkTypeDashboards).
			Tags([]string{tag}).AsDropdown(true).IncludeVars(true).KeepTime(true).Icon("dashboard").
			Tooltip("The other dashboards")).
		Link(dashboard.NewDashboardLinkBuilder("Calypso's page").Type(dashboard.DashboardLinkTypeLink).
			Url(view(b)).TargetBlank(true).Icon("external link").Tooltip("What is wrong, why, and what to do"))
	var id, y uint32
	for _, r := range b.rows {
		id++
		heading := dashboard.NewRowBuilder(r.title).Id(id).Collapsed(r.folded).
			GridPos(dashboard.GridPos{X: 0, Y: y, W: columns, H: 1})
		y++
		var x, highest uint32
		var below []cog.Builder[dashboard.Panel]
		for _, p := range r.panels {
			if x+p.width > columns {
				x, y, highest = 0, y+highest, 0
			}
			id++
			below = append(below, placed{render: shape(p), id: id,
				at: dashboard.GridPos{X: x, Y: y, W: p.width, H: heights[p.kind]}})
			x, highest = x+p.width, max(highest, heights[p.kind])
		}
		y += highest
		// A folded row holds its panels; those of an open one follow it.
		if r.folded {
			for _, p := range below {
				heading.WithPanel(p)
			}
		}
		out.WithRow(heading)
		if !r.folded {
			for _, p := range below {
				out.WithPanel(p)
			}
		}
	}
	built, err := out.Build()
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err = encoder.Encode(built)
	return text.Bytes(), err
}

// view is the address of admin's page that shows what a board shows.
func view(b board) string {
	for _, c := range b.choices {
		if c.name == byPipeline.name {
			return "${page}/ui/pipelines/${pipeline}"
		}
	}
	return "${page}/ui/"
}

// variables are what a reader chooses: the Prometheus, the installation, and the board's own.
func variables(b board, page string) []cog.Builder[dashboard.VariableModel] {
	all := []cog.Builder[dashboard.VariableModel]{
		dashboard.NewDatasourceVariableBuilder("datasource").Label("Prometheus").Type("prometheus"),
	}
	for _, c := range append([]choice{
		{"cluster", "Cluster", "The label that a Prometheus of several clusters adds.", "cdc_build_info"},
		{"namespace", "Namespace", "The label that Kubernetes adds.", "cdc_build_info"},
	}, b.choices...) {
		values := "label_values(" + c.metric + ", " + c.name + ")"
		all = append(all, dashboard.NewQueryVariableBuilder(c.name).Label(c.label).Description(c.about).
			Datasource(source).Query(dashboard.StringOrMap{String: &values}).Definition(values).
			Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortAlphabeticalAsc).
			Multi(true).IncludeAll(true).AllValue(".*").
			Current(dashboard.VariableOption{Text: dashboard.StringOrArrayOfString{String: ptr("All")},
				Value: dashboard.StringOrArrayOfString{String: ptr("$__all")}}))
	}
	return append(all, dashboard.NewTextBoxVariableBuilder("page").Label("Page").
		Description("The address of admin's page.").DefaultValue(dashboard.StringOrMap{String: &page}).
		Current(dashboard.VariableOption{Text: dashboard.StringOrArrayOfString{String: &page},
			Value: dashboard.StringOrArrayOfString{String: &page}}))
}

// starts marks the starts of tasks: a changed configuration, a restart and a take-over all have them.
func starts() cog.Builder[dashboard.AnnotationQuery] {
	return dashboard.NewAnnotationQueryBuilder().Name("Starts of tasks").Datasource(source).Enable(true).
		IconColor(blue).Expr("sum by (connector) (increase(" + of("calypso_connector_task_starts_total") + "[1m])) > 0").
		TitleFormat("{{connector}} started")
}

// placed is a panel at its place.
type placed struct {
	render cog.Builder[dashboard.Panel]
	id     uint32
	at     dashboard.GridPos
}

func (p placed) Build() (dashboard.Panel, error) {
	built, err := p.render.Build()
	built.Id, built.GridPos = &p.id, &p.at
	return built, err
}

// targets are the queries of a panel: of the newest values or over time.
func targets(p panel) (all []cog.Builder[variants.Dataquery]) {
	for i, q := range p.queries {
		t := prometheus.NewDataqueryBuilder().RefId(string(rune('A' + i))).Datasource(source).Expr(q.expr)
		switch p.kind {
		case list:
			t.Instant().Format(prometheus.PromQueryFormatTable)
		case number:
			t.Instant().LegendFormat(q.name)
		case buckets:
			t.Range().LegendFormat(q.name).Format(prometheus.PromQueryFormatHeatmap)
		case lines, areas, states:
			t.Range().LegendFormat(q.name)
		}
		all = append(all, t)
	}
	return all
}

// thresholds colour a value from its bounds on; of a falling one from below.
func thresholds(p panel) cog.Builder[dashboard.ThresholdsConfig] {
	steps := []dashboard.Threshold{{Color: green}}
	switch {
	case p.warn == 0:
	case p.bad < p.warn:
		steps = []dashboard.Threshold{{Color: red}, {Value: &p.bad, Color: orange}, {Value: &p.warn, Color: green}}
	case p.bad == p.warn:
		steps = append(steps, dashboard.Threshold{Value: &p.bad, Color: red})
	default:
		steps = append(steps, dashboard.Threshold{Value: &p.warn, Color: orange}, dashboard.Threshold{Value: &p.bad, Color: red})
	}
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)
}

// mappings give words to numbers.
func mappings(p panel) []dashboard.ValueMapping {
	if len(p.words) == 0 {
		return nil
	}
	words := dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: map[string]dashboard.ValueMappingResult{}}
	for i, w := range p.words {
		words.Options[strconv.Itoa(i+1)] = dashboard.ValueMappingResult{Text: &w.text, Color: &w.colour, Index: ptr(int32(i))}
	}
	return []dashboard.ValueMapping{{ValueMap: &words}}
}

// shape is a panel without its place.
func shape(p panel) cog.Builder[dashboard.Panel] {
	none := cmp.Or(p.none, "–")
	switch p.kind {
	case number:
		return stat.NewPanelBuilder().Title(p.title).Description(p.about).Datasource(source).Unit(p.unit).NoValue(none).
			Thresholds(thresholds(p)).Mappings(mappings(p)).Targets(targets(p)).
			GraphMode(common.BigValueGraphModeNone).ColorMode(common.BigValueColorModeValue).
			TextMode(common.BigValueTextModeValueAndName).
			ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}))
	case list:
		value := p.queries[0].name
		out := table.NewPanelBuilder().Title(p.title).Description(p.about).Datasource(source).Unit(p.unit).NoValue(none).
			Thresholds(thresholds(p)).Targets(targets(p)).
			Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{"sum"})).
			WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
				"excludeByName": map[string]bool{"Time": true}, "renameByName": map[string]string{"Value": value}}}).
			SortBy([]cog.Builder[common.TableSortByFieldState]{
				common.NewTableSortByFieldStateBuilder().DisplayName(value).Desc(p.bad >= p.warn)}).
			OverrideByName("pipeline", []dashboard.DynamicConfigValue{{Id: "links", Value: []map[string]any{
				{"title": "Open in Calypso", "url": ofPipeline, "targetBlank": true}}}})
		properties := []dashboard.DynamicConfigValue{{Id: "custom.cellOptions", Value: map[string]any{"type": "color-text"}}}
		if m := mappings(p); m != nil {
			properties = append(properties, dashboard.DynamicConfigValue{Id: "mappings", Value: m})
		}
		return out.OverrideByName(value, properties)
	case states:
		return statetimeline.NewPanelBuilder().Title(p.title).Description(p.about).Datasource(source).Unit(p.unit).
			NoValue(none).Mappings(mappings(p)).Targets(targets(p)).MergeValues(true).
			ShowValue(common.VisibilityModeNever).RowHeight(.9)
	case buckets:
		return heatmap.NewPanelBuilder().Title(p.title).Description(p.about).Datasource(source).NoValue(none).
			Targets(targets(p)).Calculate(false).
			YAxis(heatmap.NewYAxisConfigBuilder().Unit(p.unit))
	case lines, areas:
	}
	out := timeseries.NewPanelBuilder().Title(p.title).Description(p.about).Datasource(source).Unit(p.unit).NoValue(none).
		Thresholds(thresholds(p)).Targets(targets(p)).LineWidth(1).ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom).ShowLegend(true)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	if p.warn != 0 {
		out.ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
	}
	if p.kind == areas {
		out.FillOpacity(30).Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal))
	}
	return out
}
