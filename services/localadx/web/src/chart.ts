// A result as a chart, by Kusto's rules: the x column is the first one (or the one render names), the series are the
// string columns besides it, the y columns are the numbers. A pie takes the first and the second column.

import { BarChart, LineChart, PieChart, ScatterChart } from "echarts/charts";
import { DataZoomComponent, GridComponent, LegendComponent, TitleComponent, TooltipComponent } from "echarts/components";
import { init, use, type EChartsCoreOption } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

import type { Column, Table, Value, Visualization } from "./api";
import { h } from "./dom";
import { formatDatetime, formatSeconds, formatValue, numeric, timespanSeconds, type TimeZoneChoice } from "./values";

use([BarChart, LineChart, PieChart, ScatterChart, DataZoomComponent, GridComponent, LegendComponent, TitleComponent,
  TooltipComponent, CanvasRenderer]);

/** The kinds of render that are drawn; any other is shown as a table. */
export const chartKinds = ["columnchart", "barchart", "linechart", "timechart", "areachart", "stackedareachart",
  "piechart", "scatterchart", "card"] as const;
export type ChartKind = (typeof chartKinds)[number];

export const isChartKind = (kind: string | null): kind is ChartKind => chartKinds.includes(kind as ChartKind);

type XScale = "time" | "span" | "number" | "category";

interface Shape { x: number; xScale: XScale; series: number[]; y: number[] }

function scaleOf(column: Column, kind: ChartKind): XScale {
  if (kind === "columnchart" || kind === "barchart") return "category";
  if (column.type === "datetime") return "time";
  if (column.type === "timespan") return "span";
  return numeric(column) ? "number" : "category";
}

/** Which columns play which part. */
export function shapeOf(table: Table, visualization: Visualization, kind: ChartKind): Shape | null {
  const at = (name: string) => table.columns.findIndex((c) => c.name === name);
  const list = (names: string | null) => (names ?? "").split(",").map((n) => at(n.trim())).filter((i) => i >= 0);
  let x = visualization.XColumn ? at(visualization.XColumn) : -1;
  if (x < 0 && kind === "timechart") x = table.columns.findIndex((c) => c.type === "datetime");
  if (x < 0) x = 0;
  const named = list(visualization.YColumns);
  const y = named.length ? named : table.columns.flatMap((c, i) => (i !== x && numeric(c) ? [i] : []));
  const chosen = list(visualization.Series);
  const series = chosen.length ? chosen
    : table.columns.flatMap((c, i) => (i !== x && !y.includes(i) && c.type === "string" ? [i] : []));
  if (!y.length || !table.columns[x]) return null;
  return { x, xScale: scaleOf(table.columns[x], kind), series, y };
}

function xValue(value: Value | undefined, scale: XScale, column: Column, zone: TimeZoneChoice): number | string | null {
  if (value === null || value === undefined) return scale === "category" ? "(null)" : null;
  if (scale === "time") return new Date(String(value)).getTime();
  if (scale === "span") return timespanSeconds(String(value));
  if (scale === "number") return Number(value);
  if (column.type === "timespan") return formatSeconds(timespanSeconds(String(value)) ?? 0);
  return formatValue(value, column, zone) || "(empty)";
}

/** The x axis' categories: times and numbers in their order, anything else as the result has it. */
function categoriesOf(table: Table, shape: Shape, zone: TimeZoneChoice): string[] {
  const column = table.columns[shape.x]!;
  const measure = (v: Value | undefined): number =>
    column.type === "timespan" ? timespanSeconds(String(v)) ?? 0 : column.type === "datetime" ? new Date(String(v)).getTime() : Number(v);
  const ordered = column.type === "timespan" || column.type === "datetime" || numeric(column);
  const values = table.rows.map((r) => r[shape.x]);
  if (ordered) values.sort((a, b) => measure(a) - measure(b));
  return [...new Set(values.map((v) => String(xValue(v, "category", column, zone))))];
}

const spanSteps = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 21600, 43200, 86400]; // seconds

/** A step of clock time that gives an axis of this many seconds at most eight ticks. */
function spanStep(range: number): number {
  return spanSteps.find((s) => range / s <= 8) ?? 86400 * Math.ceil(range / 86400 / 8);
}

function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function palette(): string[] {
  return Array.from({ length: 8 }, (_, i) => css(`--series-${i + 1}`));
}

/** A pie beside its legend: its box ends where the legend begins, and shares stand within the slices, where tiles are narrow. */
function pie(table: Table, visualization: Visualization, zone: TimeZoneChoice): EChartsCoreOption {
  const [name, value] = table.columns;
  const legend = visualization.Legend !== "hidden";
  return {
    tooltip: { trigger: "item", formatter: "{b}: {c} ({d} %)" },
    ...(legend ? { legend: {
      type: "scroll", orient: "vertical", left: "70%", top: 36, bottom: 12, align: "left",
      textStyle: { color: css("--text"), width: 110, overflow: "truncate" }, tooltip: { show: true },
    } } : {}),
    series: [{
      type: "pie", radius: ["0%", "85%"], left: 0, right: legend ? "32%" : 0, top: 24, bottom: 8,
      label: {
        position: "inside", formatter: (p: { percent: number }) => (p.percent >= 4 ? `${Math.round(p.percent * 10) / 10} %` : ""),
        color: "#fff", textBorderColor: "rgba(0, 0, 0, 0.6)", textBorderWidth: 2,
      },
      itemStyle: { borderColor: css("--surface"), borderWidth: 2 },
      data: table.rows.map((r) => ({ name: name ? formatValue(r[0], name, zone) || "(empty)" : "", value: value ? Number(r[1]) : 0 })),
    }],
  };
}

function cartesian(table: Table, visualization: Visualization, kind: ChartKind, zone: TimeZoneChoice): EChartsCoreOption | null {
  const shape = shapeOf(table, visualization, kind);
  if (!shape) return null;
  const xColumn = table.columns[shape.x]!;
  const groups = new Map<string, [number | string | null, number | null][]>();
  for (const row of table.rows) {
    const prefix = shape.series.map((i) => formatValue(row[i], table.columns[i]!, zone) || "(empty)").join(", ");
    for (const y of shape.y) {
      const label = shape.y.length > 1 || !prefix ? [prefix, table.columns[y]!.name].filter(Boolean).join(": ") : prefix;
      const points = groups.get(label) ?? [];
      points.push([xValue(row[shape.x], shape.xScale, xColumn, zone), row[y] === null ? null : Number(row[y])]);
      groups.set(label, points);
    }
  }
  const category = shape.xScale === "category";
  const categories = category ? categoriesOf(table, shape, zone) : [];
  if (!category) for (const points of groups.values()) points.sort((a, b) => Number(a[0]) - Number(b[0]));
  const stacked = kind === "stackedareachart" || visualization.Kind?.startsWith("stacked");
  const series = [...groups].map(([name, points]) => ({
    name,
    type: kind === "columnchart" || kind === "barchart" ? "bar" : kind === "scatterchart" ? "scatter" : "line",
    data: category && kind === "barchart" ? points.map(([x, y]) => [y, x]) : points,
    symbolSize: kind === "scatterchart" ? 8 : 5,
    showSymbol: points.length <= 60 || kind === "scatterchart",
    ...(kind.endsWith("areachart") ? { areaStyle: { opacity: stacked ? 0.7 : 0.25 } } : {}),
    ...(stacked ? { stack: "all" } : {}),
    emphasis: { focus: "series" },
  }));
  // Few categories are all named, slanted where they would touch; of many, as many as fit.
  const names = category && categories.length <= 12 ? { interval: 0, rotate: kind !== "barchart" && categories.length > 5 ? 25 : 0 } : {};
  const ink = { color: css("--text-muted") };
  const xLabel = shape.xScale === "span" ? { formatter: (v: number) => formatSeconds(v) }
    : shape.xScale === "time" ? { formatter: (v: number) => formatDatetime(new Date(v).toISOString().replace(/\.000Z$/, "Z"), zone).replace(" ", "\n") }
    : {};
  const spans = shape.xScale === "span" ? [...groups.values()].flat().map((p) => Number(p[0])) : [];
  const step = spanStep(Math.max(0, ...spans) - Math.min(0, ...spans));
  const ticks = spans.length ? { interval: step, min: Math.floor(Math.min(...spans) / step) * step, max: Math.ceil(Math.max(...spans) / step) * step } : {};
  const xAxis = {
    ...ticks,
    type: category ? "category" : "value",
    ...(category ? { data: categories } : { scale: true }),
    name: visualization.XTitle ?? xColumn.name, nameLocation: "middle", nameGap: shape.xScale === "time" || "rotate" in names ? 46 : 30,
    axisLabel: { ...ink, ...xLabel, ...names, hideOverlap: !category }, nameTextStyle: ink,
    axisLine: { lineStyle: { color: css("--line") } }, splitLine: { show: false },
  };
  const bound = (v: number | string | null) => (typeof v === "number" ? { value: v } : null);
  const yAxis = {
    type: visualization.YAxis === "log" ? "log" : "value",
    name: visualization.YTitle ?? (shape.y.length === 1 ? table.columns[shape.y[0]!]!.name : ""),
    axisLabel: ink, nameTextStyle: { ...ink, align: "left" }, splitLine: { lineStyle: { color: css("--line") } },
    min: bound(visualization.Ymin)?.value, max: bound(visualization.Ymax)?.value,
  };
  const many = series.length > 1;
  return {
    tooltip: {
      trigger: kind === "scatterchart" ? "item" : "axis",
      backgroundColor: css("--surface"), borderColor: css("--line"), textStyle: { color: css("--text") },
      ...(shape.xScale === "span" ? { axisPointer: { label: { formatter: (p: { value: number }) => formatSeconds(p.value) } } } : {}),
    },
    ...(many && visualization.Legend !== "hidden" ? { legend: { type: "scroll", top: 0, textStyle: { color: css("--text") } } } : {}),
    grid: { left: 12, right: 24, top: many ? 48 : 36, bottom: shape.xScale === "time" ? 52 : 40, containLabel: true },
    xAxis: kind === "barchart" ? { ...yAxis, nameLocation: "middle", nameGap: 30 } : xAxis,
    yAxis: kind === "barchart" ? { ...xAxis, nameLocation: "end", inverse: true } : yAxis,
    ...(table.rows.length > 200 ? { dataZoom: [{ type: "inside" }] } : {}),
    series,
  };
}

/** Shows a result as the asked kind of chart; null where the result has no columns for it. */
export function chartView(table: Table, visualization: Visualization, kind: ChartKind, zone: TimeZoneChoice): HTMLElement | null {
  const title = visualization.Title ?? "";
  if (kind === "card") {
    const row = table.rows[0];
    return row ? h("div", { class: "cards" }, ...table.columns.map((c, i) =>
      h("figure", { class: "card" }, h("strong", {}, formatValue(row[i], c, zone)), h("figcaption", {}, title || c.name)))) : null;
  }
  const option = kind === "piechart" ? (table.columns.length >= 2 ? pie(table, visualization, zone) : null) : cartesian(table, visualization, kind, zone);
  if (!option) return null;
  const described = `${kind} of ${table.rows.length} rows: ${table.columns.map((c) => c.name).join(", ")}`;
  const box = h("div", { class: "chart", role: "img", "aria-label": title || described });
  // ECharts measures its box, which has a size only once it is in the document.
  requestAnimationFrame(() => {
    const chart = init(box, null, { renderer: "canvas" });
    const draw = () => chart.setOption({
      color: palette(), animation: false, textStyle: { fontFamily: "inherit" },
      ...(title ? { title: { text: title, textStyle: { color: css("--text"), fontSize: 14 } } } : {}),
      ...option,
    });
    draw();
    box.dataset["drawn"] = "true";
    const observer = new ResizeObserver(() => {
      if (box.isConnected) chart.resize();
      else { observer.disconnect(); chart.dispose(); }
    });
    observer.observe(box);
  });
  return box;
}
