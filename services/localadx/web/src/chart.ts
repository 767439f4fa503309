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

const spanSteps = [1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 21600, 43200, 86400]; // seconds

/** A step of clock time that gives an axis of this many seconds at most so many ticks. */
function spanStep(range: number, ticks: number): number {
  return spanSteps.find((s) => range / s <= ticks) ?? 86400 * Math.ceil(range / 86400 / ticks);
}

/** The ticks of an axis of numbers of which unit is a second: whole steps of clock time, counted from zero. */
function clockTicks(values: number[], unit: number, zero: number, ticks: number): { interval: number; min: number; max: number } | null {
  if (!values.length) return null;
  const low = Math.min(...values);
  const high = Math.max(...values);
  const interval = spanStep((high - low) / unit, ticks) * unit;
  return { interval, min: Math.floor((low - zero) / interval) * interval + zero, max: Math.max(Math.ceil((high - zero) / interval), Math.floor((low - zero) / interval) + 1) * interval + zero };
}

/** A time on an axis: the time of day over the day, as finely as the ticks need it. */
function timeLabel(at: number, step: number, zone: TimeZoneChoice): string {
  const [day = "", clock = ""] = formatDatetime(new Date(at).toISOString().replace(/\.000Z$/, "Z"), zone).split(" ");
  if (step >= 86400_000) return day;
  return `${step >= 60_000 ? clock.slice(0, 5) : clock}\n${day}`;
}

/** What a name was drawn in, so that it keeps its colour when others come, go or change places. */
const colours = new Map<string, number>();

function colourOf(name: string): string {
  let at = colours.get(name);
  if (at === undefined) colours.set(name, at = colours.size);
  const all = palette();
  return all[at % all.length]!;
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
      data: table.rows.map((r) => {
        const label = name ? formatValue(r[0], name, zone) || "(empty)" : "";
        return { name: label, value: value ? Number(r[1]) : 0, itemStyle: { color: colourOf(label) } };
      }),
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
    color: colourOf(name),
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
  const places = () => [...groups.values()].flat().flatMap((p) => (typeof p[0] === "number" && Number.isFinite(p[0]) ? [p[0]] : []));
  const midnight = zone === "UTC" ? 0 : new Date(2000, 0, 1).getTime() - Date.UTC(2000, 0, 1);
  const ticks = shape.xScale === "span" ? clockTicks(places(), 1, 0, 8) : shape.xScale === "time" ? clockTicks(places(), 1000, midnight, 5) : null;
  const xLabel = shape.xScale === "span" ? { formatter: (v: number) => formatSeconds(v) }
    : shape.xScale === "time" ? { formatter: (v: number) => timeLabel(v, ticks?.interval ?? 0, zone) }
    : {};
  const xAxis = {
    ...(ticks ?? {}),
    type: category ? "category" : "value",
    ...(category ? { data: categories } : { scale: true }),
    name: visualization.XTitle ?? xColumn.name, nameLocation: "middle", nameGap: shape.xScale === "time" || "rotate" in names ? 46 : 30,
    axisLabel: { ...ink, ...xLabel, ...names, hideOverlap: !category, lineHeight: 14 }, nameTextStyle: ink,
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
