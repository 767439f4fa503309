// Numbers and times as people say them.

import type { HeldAt, Span, State, Time, Verdict } from "./api.ts";

/** 14 min, 2 h 5 min, 3 d 4 h: two units at most. */
export function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  const hours = Math.floor(s / 3600);
  if (hours < 48) return `${hours} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export const seconds = (span: Span) => (span === null ? undefined : Number(span.replace(/s$/, "")));

export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; Math.abs(n) >= 1000 && unit < units.length - 1; unit++) n /= 1000;
  return `${unit === 0 || Math.abs(n) >= 100 ? Math.round(n) : n.toFixed(1)} ${units[unit]}`;
}

export const number = (n: number | string) => Number(n).toLocaleString("en-US");

/** 1 row, 2 rows. */
export const counted = (n: number | string, what: string) => `${number(n)} ${what}${Number(n) === 1 ? "" : "s"}`;

const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** The clock time today, with the day on other days; in the reader's zone. */
export function time(t: Time | number | undefined): string {
  if (t === null || t === undefined) return "";
  const at = new Date(t);
  return at.toDateString() === new Date().toDateString() ? clockFormat.format(at) : dayFormat.format(at);
}

export const ago = (t: Time, now: number) => (t === null ? "" : duration(Math.max(0, (now - Date.parse(t)) / 1000)));

export const verdictWord = (v: Verdict) => v.replace("VERDICT_", "").toLowerCase();
export const stateWord = (s: State) => s.replace("STATE_", "");

/** Worst first. */
export const badness = (v: Verdict) =>
  ["VERDICT_BROKEN", "VERDICT_DEGRADED", "VERDICT_PAUSED", "VERDICT_SNAPSHOTTING", "VERDICT_HEALTHY", "VERDICT_UNSPECIFIED"].indexOf(v);

const held: Record<HeldAt, string> = {
  HELD_AT_UNSPECIFIED: "",
  HELD_AT_COMMIT_TO_CAPTURE: "commit → capture",
  HELD_AT_CAPTURE_TO_KAFKA: "capture → Kafka",
  HELD_AT_KAFKA_TO_SINK: "Kafka → sink",
  HELD_AT_SINK_TO_QUERYABLE: "sink → queryable",
};
export const heldAt = (h: HeldAt) => held[h];

/** INCREMENTAL_SNAPSHOT → incremental snapshot. */
export const words = (constant: string) => constant.toLowerCase().replaceAll("_", " ");
