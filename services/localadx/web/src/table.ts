// A result as a table. Only the rows in view are in the document, so a hundred thousand rows scroll as well as ten.

import type { Table } from "./api";
import { fill, h } from "./dom";
import { formatValue, numeric, type TimeZoneChoice } from "./values";

const rowHeight = 26; // pixels; style.css says the same

/** Shows a table; a click on a column's head sorts by it. */
export function tableView(table: Table, zone: TimeZoneChoice): HTMLElement {
  let order = table.rows.map((_, i) => i);
  let sorted: { column: number; descending: boolean } | null = null;
  const head = h("tr");
  const body = h("tbody");
  const above = h("tr", { "aria-hidden": "true" }, h("td", { colspan: String(table.columns.length + 1) }));
  const below = h("tr", { "aria-hidden": "true" }, h("td", { colspan: String(table.columns.length + 1) }));
  const scroller = h("div", { class: "rows", tabindex: "0", role: "region", "aria-label": "Result rows" },
    h("table", { "aria-rowcount": String(table.rows.length + 1) }, h("thead", {}, head), body));

  function sortBy(column: number): void {
    sorted = { column, descending: sorted?.column === column ? !sorted.descending : false };
    const isNumber = numeric(table.columns[column]!);
    const direction = sorted.descending ? -1 : 1;
    order = [...order].sort((a, b) => {
      const x = table.rows[a]![column] ?? null;
      const y = table.rows[b]![column] ?? null;
      if (x === null || y === null) return x === y ? 0 : (x === null ? -1 : 1) * direction;
      const compared = isNumber ? Number(x) - Number(y) : String(x) < String(y) ? -1 : String(x) > String(y) ? 1 : 0;
      return compared * direction;
    });
    drawHead();
    drawRows();
  }

  function drawHead(): void {
    fill(head, h("th", { class: "number" }, "#"), ...table.columns.map((c, i) => {
      const direction = sorted?.column === i ? (sorted.descending ? "descending" : "ascending") : undefined;
      return h("th", { "aria-sort": direction, class: numeric(c) ? "number" : "" },
        h("button", { title: `${c.type}; click to sort`, onclick: () => sortBy(i) },
          c.name, direction ? (sorted!.descending ? " ▾" : " ▴") : ""));
    }));
  }

  function drawRows(): void {
    const visible = Math.ceil((scroller.clientHeight || 600) / rowHeight) + 20;
    const first = Math.max(0, Math.min(Math.floor(scroller.scrollTop / rowHeight) - 10, order.length - visible));
    const last = Math.min(order.length, first + visible);
    (above.firstElementChild as HTMLElement).style.height = `${first * rowHeight}px`;
    (below.firstElementChild as HTMLElement).style.height = `${(order.length - last) * rowHeight}px`;
    const rows = order.slice(first, last).map((at, i) => {
      const row = table.rows[at]!;
      return h("tr", { "aria-rowindex": String(first + i + 2) }, h("td", { class: "number index" }, String(first + i + 1)),
        ...table.columns.map((c, j) => {
          const text = formatValue(row[j], c, zone);
          return h("td", { class: numeric(c) ? "number" : "", title: text.length > 40 ? text : undefined }, text);
        }));
    });
    fill(body, above, ...rows, below);
  }

  drawHead();
  drawRows();
  scroller.addEventListener("scroll", () => requestAnimationFrame(drawRows), { passive: true });
  new ResizeObserver(drawRows).observe(scroller);
  return scroller;
}
