// The ingestion page: what came in, what is waiting, what was refused.

import { command, type Answer } from "./api";
import { fill, h } from "./dom";
import { tableView } from "./table";
import type { TimeZoneChoice } from "./values";

interface Panel { title: string; empty: string; ask(database: string): string }

const panels: Panel[] = [
  { title: "Tables", empty: "No tables yet.",
    ask: () => ".show tables details | project TableName, TotalRowCount, TotalExtents, TotalOriginalSize, MaxExtentsCreationTime" },
  { title: "Newest extents", empty: "Nothing ingested yet.",
    ask: (database) => `.show database ['${database.replaceAll("'", "\\'")}'] extents | project TableName, MaxCreatedOn, RowCount, OriginalSize, Tags | top 50 by MaxCreatedOn desc` },
  { title: "Failures", empty: "No failures.",
    ask: () => ".show ingestion failures | project FailedOn, Table, ErrorCode, Details, FailureKind, IngestionSourcePath | top 50 by FailedOn desc" },
];

export interface Monitor { readonly element: HTMLElement; refresh(): Promise<void> }

export function monitor(database: () => string, zone: () => TimeZoneChoice): Monitor {
  const shown = panels.map((panel) => {
    const body = h("div", { class: "panel-body" });
    let last = "";
    return { panel, body, async refresh() {
      try {
        const answer: Answer = await command(database(), panel.ask(database()));
        const now = JSON.stringify([answer.table, zone()]);
        if (now === last) return;
        last = now;
        fill(body, answer.table.rows.length ? tableView(answer.table, zone()) : h("p", { class: "note" }, panel.empty));
      } catch (error) {
        last = "";
        fill(body, h("p", { class: "refused", role: "alert" }, error instanceof Error ? error.message : String(error)));
      }
    } };
  });
  const element = h("div", { class: "monitor" }, h("h1", {}, "Ingestion"),
    ...shown.map((s) => h("section", { class: "panel", "aria-label": s.panel.title }, h("h2", {}, s.panel.title), s.body)));
  return { element, refresh: async () => { await Promise.all(shown.map((s) => s.refresh())); } };
}
