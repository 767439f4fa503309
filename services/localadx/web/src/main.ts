// The page's frame: navigation, database, time zone and theme; what is shown is in the address.

import "./style.css";

import { schema, type SchemaDatabase } from "./api";
import { dashboard } from "./dashboard";
import { fill, h } from "./dom";
import type { Vocabulary } from "./language";
import { readPlace, writePlace, type Page, type Place } from "./location";
import { monitor } from "./monitor";
import { queryPage } from "./querypage";

const app = document.getElementById("app")!;
let place: Place = readPlace(location.hash);
let schemas: SchemaDatabase[] = [];
let vocabulary: Vocabulary = { operators: [], functions: [], aggregates: [] };

const databases = h("select", { "aria-label": "Database", onchange: () => { go({ db: databases.value }); } });
const zones = h("select", { "aria-label": "Time zone", onchange: () => { go({ zone: zones.value as Place["zone"] }); } },
  h("option", { value: "UTC" }, "UTC"), h("option", { value: "local" }, `Local (${Intl.DateTimeFormat().resolvedOptions().timeZone})`));
const refreshes = h("select", { "aria-label": "Refresh", onchange: () => { go({ refresh: Number(refreshes.value) }); } },
  ...[[0, "No refresh"], [2, "Every 2 s"], [5, "Every 5 s"], [30, "Every 30 s"]].map(([s, t]) => h("option", { value: String(s) }, String(t))));
const themes = h("button", { title: "Light or dark", "aria-label": "Switch between light and dark", onclick: switchTheme }, "◐");
const body = h("main");
const links = (["query", "dashboard", "ingestion"] as Page[]).map((page) =>
  h("a", { href: `#/${page}`, onclick: (e: Event) => { e.preventDefault(); go({ page }); } }, page[0]!.toUpperCase() + page.slice(1)));

const queries = queryPage({
  text: place.text || "Orders\n| summarize count() by city\n| render columnchart",
  database: () => place.db, zone: () => place.zone, schemas: () => schemas, vocabulary: () => vocabulary,
  changed: (text) => { place = { ...place, text }; history.replaceState(null, "", writePlace(place)); },
  refreshSchema: () => void loadSchema(),
});
const pages = {
  dashboard: dashboard(() => place.db, () => place.zone),
  ingestion: monitor(() => place.db, () => place.zone),
};
let timer: ReturnType<typeof setTimeout> | undefined;

function switchTheme(): void {
  const dark = document.documentElement.dataset["theme"] === "dark";
  setTheme(dark ? "light" : "dark");
  localStorage.setItem("theme", dark ? "light" : "dark");
  show();
}

function setTheme(theme: string): void {
  document.documentElement.dataset["theme"] = theme;
}

function go(change: Partial<Place>): void {
  place = { ...place, ...change };
  history.pushState(null, "", writePlace(place));
  show();
}

function show(): void {
  clearTimeout(timer);
  zones.value = place.zone;
  refreshes.value = String(place.refresh);
  refreshes.hidden = place.page === "query";
  if (!schemas.some((d) => d.name === place.db) && schemas[0]) {
    place = { ...place, db: (schemas.find((d) => d.tables.length) ?? schemas[0]).name };
  }
  fill(databases, ...schemas.map((d) => h("option", { value: d.name, selected: d.name === place.db }, d.name)));
  links.forEach((a) => a.toggleAttribute("aria-current", a.textContent!.toLowerCase() === place.page));
  if (place.page === "query") {
    if (body.firstChild !== queries.element) fill(body, queries.element);
    queries.drawSchema();
    queries.redraw();
  } else {
    const page = pages[place.page];
    if (body.firstChild !== page.element) fill(body, page.element);
    void tick();
  }
}

// Asks again only while the page can be seen, and only after the last answer came.
async function tick(): Promise<void> {
  const page = place.page;
  if (page === "query") return;
  if (place.db && !document.hidden) await pages[page].refresh();
  if (place.refresh > 0 && place.page === page) {
    clearTimeout(timer);
    timer = setTimeout(() => void tick(), place.refresh * 1000);
  }
}

async function loadSchema(): Promise<void> {
  try {
    schemas = await schema();
  } catch (error) {
    fill(body, h("p", { class: "refused", role: "alert" }, `localadx did not answer: ${error instanceof Error ? error.message : String(error)}`));
    setTimeout(() => void loadSchema(), 2000);
    return;
  }
  show();
}

setTheme(localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
fill(app,
  h("header", {}, h("strong", { class: "brand" }, "localadx"), h("nav", { "aria-label": "Pages" }, ...links),
    h("span", { class: "grow" }), refreshes, databases, zones, themes), body);
window.addEventListener("popstate", () => { place = { ...readPlace(location.hash) }; show(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) show(); });
void fetch("local/vocabulary").then((r) => r.json()).then((v: Vocabulary) => { vocabulary = v; });
void loadSchema().then(() => { if (place.page === "query") queries.focus(); });
