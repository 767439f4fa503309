// Numbers over time, by uPlot, which is loaded with the first chart; the last values stand beside it as text.

import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";
import type { History } from "./api.ts";
import { bytes, duration, number } from "./format.ts";

const names: Record<string, string> = {
  late_commit_to_capture: "commit → capture", late_capture_to_kafka: "capture → Kafka", late_kafka_to_sink: "Kafka → sink", late_sink_to_queryable: "sink → queryable",
  rows_captured: "into Kafka", rows_ingested: "into targets", slot_retained: "kept", records_waiting: "waiting",
};
const clock = (seconds: number) => new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
const shown = (value: number, unit: string) => (unit === "s" ? (value > 0 && value < 10 ? `${value.toFixed(1)} s` : duration(value)) : unit === "By" ? bytes(value) : number(Math.round(value * 10) / 10));

export function Chart(props: { title: string; history: History; names: string[]; unit: string }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const series = props.names.flatMap((name) => props.history.series.filter((s) => s.name === name));
  const last = series.map((s) => s.values.findLast((v) => v >= 0));
  useEffect(() => {
    if (!box.current || series.length === 0 || props.history.startTime === null) return;
    const element = box.current;
    const start = Date.parse(props.history.startTime) / 1000;
    const step = Number(props.history.interval?.replace("s", "") ?? 15);
    const data = [series[0]!.values.map((_, i) => start + i * step), ...series.map((s) => s.values.map((v) => (v < 0 ? null : v)))] as uPlot.AlignedData;
    let gone = false;
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: 160 }));
    if (plot.current) plot.current.setData(data);
    else {
      void Promise.all([import("uplot"), import("uplot/dist/uPlot.min.css")]).then(([{ default: UPlot }]) => {
        if (gone) return;
        const style = getComputedStyle(element);
        const color = (name: string) => style.getPropertyValue(name).trim();
        const axis = { stroke: color("--text-muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 } };
        plot.current = new UPlot({
          width: element.clientWidth, height: 160, legend: { show: false }, cursor: { drag: { x: false, y: false } },
          scales: { y: { range: (_, min, max) => [Math.min(0, min), max > 0 ? max * 1.05 : 1] } },
          axes: [{ ...axis, space: 60, values: (_, splits) => splits.map((v) => clock(v)) }, { ...axis, size: 64, values: (_, splits) => splits.map((v) => shown(v, props.unit)) }],
          series: [{}, ...series.map((s, i) => ({ label: names[s.name] ?? s.name, stroke: color(`--series-${i + 1}`), width: 1.5 }))],
        }, data, element);
        resize.observe(element);
      });
    }
    return () => { gone = true; resize.disconnect(); };
  }, [props.history]);
  useEffect(() => () => plot.current?.destroy(), []);
  if (series.length === 0) return null;
  return (
    <figure>
      <figcaption>{props.title}</figcaption>
      <div ref={box} class="plot" role="img" aria-label={`${props.title}; now ${series.map((s, i) => `${names[s.name] ?? s.name}: ${last[i] === undefined ? "not known" : shown(last[i], props.unit)}`).join(", ")}`} />
      <ul class="legend">{series.map((s, i) => <li key={s.name} class={`series-${i + 1}`}>{names[s.name] ?? s.name}: {last[i] === undefined ? "not known" : shown(last[i], props.unit)}</li>)}</ul>
    </figure>
  );
}
