// The dashboard page: the tiles of an ADX dashboard file, each query asked again every few seconds.

import orders from "../../../../examples/orders/dashboard.json";

import { query } from "./api";
import { chartView, type ChartKind } from "./chart";
import { fill, h } from "./dom";
import { tableView } from "./table";
import type { TimeZoneChoice } from "./values";

interface Tile { id: string; title: string; query: string; visualType: string; layout: { x: number; y: number; width: number; height: number } }

// The file's names of visuals, as ADX dashboards have them, and the render kinds they stand for.
const kinds: Record<string, ChartKind> = {
  column: "columnchart", bar: "barchart", line: "linechart", timechart: "timechart", area: "areachart",
  pie: "piechart", scatter: "scatterchart", card: "card", stackedarea: "stackedareachart",
};

export interface Dashboard { readonly element: HTMLElement; refresh(): Promise<void> }

export function dashboard(database: () => string, zone: () => TimeZoneChoice): Dashboard {
  const tiles = (orders.tiles as Tile[]).map((tile) => {
    const body = h("div", { class: "tile-body" }, h("p", { class: "note" }, "Asking…"));
    const element = h("section", { class: "tile", "aria-label": tile.title, "data-tile": tile.id,
      style: `grid-column: ${tile.layout.x + 1} / span ${tile.layout.width}; grid-row: span ${tile.layout.height}` },
      h("h2", {}, tile.title), body);
    let shown = "";
    return { tile, body, element, async refresh() {
      try {
        const answer = await query(database(), tile.query);
        const now = JSON.stringify([answer.table, zone(), document.documentElement.dataset["theme"]]);
        if (now === shown) return; // the same answer draws nothing, so nothing flickers
        shown = now;
        const kind = kinds[tile.visualType];
        const asked = answer.visualization ?? { Visualization: kind ?? null, Title: null, XColumn: null, YColumns: null, Series: null,
          Kind: null, XTitle: null, YTitle: null, Legend: null, YAxis: null, Ymin: null, Ymax: null };
        const chart = kind && answer.table.rows.length ? chartView(answer.table, asked, kind, zone()) : null;
        fill(body, answer.table.rows.length ? chart ?? tableView(answer.table, zone()) : h("p", { class: "note" }, "No rows yet."));
      } catch (error) {
        shown = "";
        fill(body, h("p", { class: "refused", role: "alert" }, error instanceof Error ? error.message : String(error)));
      }
    } };
  });
  const element = h("div", { class: "dashboard" }, h("h1", {}, orders.title), h("div", { class: "tiles" }, ...tiles.map((t) => t.element)));
  return { element, refresh: async () => { await Promise.all(tiles.map((t) => t.refresh())); } };
}
