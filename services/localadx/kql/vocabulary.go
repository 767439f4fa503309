package kql

// Operators returns the tabular operators that may follow a pipe, sorted: what an editor completes there.
func Operators() []string {
	return []string{
		"as", "count", "distinct", "evaluate", "extend", "facet by", "fork", "getschema", "graph-mark-components",
		"graph-match", "graph-shortest-paths", "graph-to-table", "invoke", "join kind=inner", "limit", "lookup",
		"make-graph", "make-series", "mv-apply", "mv-expand", "order by", "parse", "parse-kv", "parse-where",
		"partition by", "project", "project-away", "project-by-names", "project-keep", "project-rename",
		"project-reorder", "render", "sample", "search", "serialize", "sort by", "summarize", "take", "top", "union",
		"where",
	}
}
