// The query page: schema on the left, editor above, result below as table and as chart.

import { KustoError, run, type Answer, type SchemaDatabase } from "./api";
import { chartKinds, chartView, isChartKind, type ChartKind } from "./chart";
import { fill, h } from "./dom";
import { makeEditor, type Editor } from "./editor";
import type { Vocabulary } from "./language";
import { tableView } from "./table";
import { toCSV, type TimeZoneChoice } from "./values";

export interface QueryPageOptions {
  text: string;
  database(): string;
  zone(): TimeZoneChoice;
  schemas(): SchemaDatabase[];
  vocabulary(): Vocabulary;
  changed(text: string): void;
  /** Called after a command, which may have changed the schema. */
  refreshSchema(): void;
}

export interface QueryPage { readonly element: HTMLElement; redraw(): void; drawSchema(): void; focus(): void }

type View = "table" | ChartKind;

export function queryPage(options: QueryPageOptions): QueryPage {
  const result = h("section", { class: "result", "aria-live": "polite", "aria-label": "Result" });
  const tree = h("nav", { class: "tree", "aria-label": "Schema" });
  const viewAs = h("select", { "aria-label": "Show result as", disabled: true, onchange: () => { view = viewAs.value as View; draw(); } },
    h("option", {}, "table"));
  const csvButton = h("button", { disabled: true, onclick: exportCSV }, "Export CSV");
  const runButton = h("button", { class: "primary", title: "Shift+Enter", onclick: () => void execute() }, "Run ▸");
  let answer: Answer | null = null;
  let view: View = "table";
  let running: AbortController | null = null;

  const editor: Editor = makeEditor({
    text: options.text,
    database: options.database,
    schema: () => options.schemas().find((d) => d.name === options.database()),
    vocabulary: options.vocabulary,
    run: () => void execute(),
    changed: options.changed,
  });

  async function execute(): Promise<void> {
    running?.abort();
    const statement = editor.statement();
    if (!statement) return;
    const mine = new AbortController();
    running = mine;
    runButton.textContent = "Running…";
    result.dataset["state"] = "running";
    try {
      answer = await run(options.database(), statement, mine.signal);
      const kind = answer.visualization?.Visualization ?? null;
      view = isChartKind(kind) ? kind : "table";
      draw();
      result.dataset["state"] = "done";
      if (statement.startsWith(".")) options.refreshSchema();
    } catch (error) {
      if (mine.signal.aborted) return;
      answer = null;
      showError(error);
      result.dataset["state"] = "failed";
    } finally {
      if (running === mine) {
        running = null;
        runButton.textContent = "Run ▸";
      }
    }
  }

  function showError(error: unknown): void {
    viewAs.disabled = csvButton.disabled = true;
    const text = error instanceof Error ? error.message : String(error);
    fill(result, h("div", { class: "refused", role: "alert" },
      h("strong", {}, error instanceof KustoError ? error.code : "localadx did not answer"), h("p", {}, text)));
  }

  function draw(): void {
    if (!answer) return;
    const { table, visualization, milliseconds } = answer;
    fill(viewAs, ...(["table", ...chartKinds] as const).map((k) => h("option", { value: k, selected: k === view }, k)));
    viewAs.disabled = csvButton.disabled = false;
    const asked = visualization ?? { Visualization: view, Title: null, XColumn: null, YColumns: null, Series: null, Kind: null,
      XTitle: null, YTitle: null, Legend: null, YAxis: null, Ymin: null, Ymax: null };
    const chart = view === "table" ? null : chartView(table, asked, view, options.zone());
    const missing = view !== "table" && !chart ? h("p", { class: "note" }, `A ${view} needs a number column besides the x column; here is the table.`) : null;
    const kind = visualization?.Visualization ?? "table";
    const undrawn = view === "table" && kind !== "table" && !isChartKind(kind)
      ? h("p", { class: "note", role: "status" }, `This page does not draw a ${kind}; here is the table. It draws ${chartKinds.join(", ")}.`) : null;
    fill(result, h("p", { class: "note" }, `${table.rows.length} ${table.rows.length === 1 ? "row" : "rows"} in ${Math.round(milliseconds)} ms`),
      missing, undrawn, chart ?? tableView(table, options.zone()));
  }

  function exportCSV(): void {
    if (!answer) return;
    const url = URL.createObjectURL(new Blob([toCSV(answer.table, options.zone())], { type: "text/csv" }));
    h("a", { href: url, download: "result.csv" }).click();
    URL.revokeObjectURL(url);
  }

  function drawSchema(): void {
    const quoted = (name: string) => (/^[A-Za-z_]\w*$/.test(name) ? name : `['${name}']`);
    fill(tree, h("h2", {}, "Schema"), ...options.schemas().map((d) =>
      h("details", { open: d.name === options.database() }, h("summary", {}, d.name),
        ...d.tables.map((t) => h("details", {},
          h("summary", {}, t.name, " ", h("button", { class: "quiet", title: `Query ${t.name}`, "aria-label": `Query ${t.name}`,
            onclick: (e: Event) => { e.preventDefault(); editor.insert(`${quoted(t.name)}\n| take 100`); } }, "+")),
          h("ul", {}, ...t.columns.map((c) => h("li", {},
            h("button", { class: "quiet", title: `Insert ${c.name}`, onclick: () => editor.insert(quoted(c.name)) }, c.name), h("small", {}, c.type)))))),
        ...(d.tables.length ? [] : [h("p", { class: "note" }, "No tables yet.")]))));
  }

  fill(result, h("p", { class: "note" }, "Shift+Enter runs the statement at the cursor. Blank lines part statements. Ctrl+Space completes."));
  const element = h("div", { class: "query-page" }, tree, h("div", { class: "work" },
    h("div", { class: "editor" }, editor.element),
    h("div", { class: "toolbar", role: "toolbar", "aria-label": "Query" }, runButton, viewAs, csvButton,
      h("button", { title: "Copies the address of this query", onclick: () => void navigator.clipboard.writeText(location.href) }, "Copy link")),
    result));
  return { element, redraw: draw, drawSchema, focus: () => editor.focus() };
}
