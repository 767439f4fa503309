// How Kusto's values are shown and measured.

import type { Column, Table, Value } from "./api";

export type TimeZoneChoice = "UTC" | "local";

const timespanPattern = /^(-)?(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?$/;

/** Seconds of a timespan as answers carry it: [-][d.]hh:mm:ss[.fffffff]; null if it is none. */
export function timespanSeconds(text: string): number | null {
  const m = timespanPattern.exec(text);
  if (!m) return null;
  const seconds = Number(m[2] ?? 0) * 86400 + Number(m[3]) * 3600 + Number(m[4]) * 60 + Number(m[5])
    + Number(`0.${m[6] ?? "0"}`);
  return m[1] ? -seconds : seconds;
}

/** hh:mm, with seconds or days where they are not zero. */
export function formatSeconds(total: number): string {
  const sign = total < 0 ? "-" : "";
  const whole = Math.round(Math.abs(total));
  const two = (n: number) => String(n).padStart(2, "0");
  const days = Math.floor(whole / 86400);
  const clock = `${two(Math.floor(whole / 3600) % 24)}:${two(Math.floor(whole / 60) % 60)}`;
  const seconds = whole % 60 ? `:${two(whole % 60)}` : "";
  return `${sign}${days ? `${days}.` : ""}${clock}${seconds}`;
}

/** A datetime in the chosen zone, keeping the ticks that Date cannot hold. */
export function formatDatetime(text: string, zone: TimeZoneChoice): string {
  if (zone === "UTC") return text.replace("T", " ").replace(/Z$/, "");
  const instant = new Date(text);
  if (Number.isNaN(instant.getTime())) return text;
  const two = (n: number) => String(n).padStart(2, "0");
  const fraction = /\.(\d+)Z$/.exec(text)?.[0].replace("Z", "") ?? "";
  return `${instant.getFullYear()}-${two(instant.getMonth() + 1)}-${two(instant.getDate())} `
    + `${two(instant.getHours())}:${two(instant.getMinutes())}:${two(instant.getSeconds())}${fraction}`;
}

/** One cell as text; null is empty. */
export function formatValue(value: Value | undefined, column: Column, zone: TimeZoneChoice): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "object") return JSON.stringify(value);
  if (column.type === "datetime") return formatDatetime(String(value), zone);
  return String(value);
}

export const numeric = (c: Column) => ["int", "long", "real", "decimal"].includes(c.type);

/** The table as RFC 4180 CSV, datetimes in the chosen zone. */
export function toCSV(table: Table, zone: TimeZoneChoice): string {
  const quote = (s: string) => (/[",\r\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s);
  const lines = [table.columns.map((c) => quote(c.name)).join(",")];
  for (const row of table.rows) {
    lines.push(table.columns.map((c, i) => quote(formatValue(row[i], c, zone))).join(","));
  }
  return lines.join("\r\n") + "\r\n";
}
