// What the page shows is in its address, so that it can be bookmarked and sent: #/query?db=…&q=…&zone=….

import type { TimeZoneChoice } from "./values";

export type Page = "query" | "dashboard" | "ingestion";

export interface Place { page: Page; db: string; text: string; zone: TimeZoneChoice; refresh: number }

const pages: readonly Page[] = ["query", "dashboard", "ingestion"];

export function readPlace(hash: string): Place {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const parameters = new URLSearchParams(search);
  const refresh = Number(parameters.get("refresh") ?? "5");
  return {
    page: pages.includes(path as Page) ? (path as Page) : "query",
    db: parameters.get("db") ?? "",
    text: parameters.get("q") ?? "",
    zone: parameters.get("zone") === "local" ? "local" : "UTC",
    refresh: Number.isFinite(refresh) && refresh >= 0 ? refresh : 5,
  };
}

export function writePlace(place: Place): string {
  const parameters = new URLSearchParams({ db: place.db });
  if (place.page === "query" && place.text) parameters.set("q", place.text);
  if (place.page !== "query" && place.refresh !== 5) parameters.set("refresh", String(place.refresh));
  if (place.zone === "local") parameters.set("zone", "local");
  return `#/${place.page}?${parameters}`;
}
