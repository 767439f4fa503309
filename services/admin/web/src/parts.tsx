// The pieces that views are made of.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { State, Verdict } from "./api.ts";
import { stateWord, verdictWord } from "./format.ts";
import { ask, query } from "./route.ts";

/** A verdict by sign, word and colour, so that colour never stands alone. */
export function VerdictBadge({ verdict }: { verdict: Verdict }) {
  const word = verdictWord(verdict);
  const sign = { healthy: "✓", snapshotting: "⟳", paused: "❚❚", degraded: "▲", broken: "✕" }[word] ?? "?";
  return <span class={`badge ${word}`}><span aria-hidden="true">{sign}</span> {word}</span>;
}

export function StateBadge({ state }: { state: State }) {
  const word = stateWord(state);
  const kind = { RUNNING: "healthy", FAILED: "broken", PAUSED: "paused", STOPPED: "paused", UNASSIGNED: "degraded", RESTARTING: "snapshotting" }[word] ?? "";
  return <span class={`badge ${kind}`}>{word}</span>;
}

/** What could not be asked, beside what is still shown. */
export function Trouble({ error }: { error: string }) {
  return error === "" ? null : <p class="trouble" role="status">{error}</p>;
}

export interface Column<Row> {
  name: string;
  /** What the column is sorted by; it cannot be sorted by without. */
  by?: (row: Row) => string | number;
  numeric?: boolean;
  cell: (row: Row) => ComponentChildren;
}

const pageSize = 100;

/** A table with a filter, an order and pages, all of them in the address under the table's id. */
export function Table<Row>(props: {
  id: string; caption: string; rows: readonly Row[]; columns: Column<Row>[]; rowKey: (row: Row) => string;
  /** The text that the filter looks in; there is no filter without. */
  text?: (row: Row) => string;
  empty: ComponentChildren;
}) {
  const { id, rows, columns } = props;
  const filter = query.value.get(`${id}.filter`) ?? "";
  const order = query.value.get(`${id}.order`) ?? "";
  const wanted = filter.toLowerCase();
  let shown = props.text && wanted ? rows.filter((r) => props.text!(r).toLowerCase().includes(wanted)) : rows;
  const descending = order.startsWith("-");
  const by = columns.find((c) => c.name === order.replace(/^-/, ""))?.by;
  if (by) {
    shown = [...shown].sort((a, b) => {
      const [x, y] = [by(a), by(b)];
      return (x < y ? -1 : x > y ? 1 : 0) * (descending ? -1 : 1);
    });
  }
  const pages = Math.max(1, Math.ceil(shown.length / pageSize));
  const page = Math.min(Number(query.value.get(`${id}.page`) ?? 1), pages);
  return (
    <div class="list">
      {props.text && (rows.length > 8 || filter !== "") &&
        <label class="filter">Filter <input type="search" value={filter} onInput={(e) => ask({ [`${id}.filter`]: e.currentTarget.value, [`${id}.page`]: "" })} /></label>}
      <div class="scroll" tabIndex={0} role="region" aria-label={props.caption}>
        <table>
          <caption class="unseen">{props.caption}</caption>
          <thead>
            <tr>
              {columns.map((c) => (
                <th key={c.name} scope="col" class={c.numeric ? "number" : undefined} aria-sort={order === c.name ? "ascending" : order === `-${c.name}` ? "descending" : undefined}>
                  {c.by ? <button type="button" onClick={() => ask({ [`${id}.order`]: order === c.name ? `-${c.name}` : c.name })}>{c.name}<span aria-hidden="true">{order === c.name ? " ↑" : order === `-${c.name}` ? " ↓" : ""}</span></button> : c.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.slice((page - 1) * pageSize, page * pageSize).map((row) => (
              <tr key={props.rowKey(row)}>{columns.map((c) => <td key={c.name} class={c.numeric ? "number" : undefined}>{c.cell(row)}</td>)}</tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length === 0 && <p class="note">{rows.length > 0 ? "Nothing matches the filter." : props.empty}</p>}
      {pages > 1 && (
        <p class="pages">
          <button type="button" disabled={page <= 1} onClick={() => ask({ [`${id}.page`]: String(page - 1) })}>Previous</button>
          {" "}Page {page} of {pages} ({shown.length} rows){" "}
          <button type="button" disabled={page >= pages} onClick={() => ask({ [`${id}.page`]: String(page + 1) })}>Next</button>
        </p>
      )}
    </div>
  );
}

/** A command that is read and copied. */
export function Command({ text }: { text: string }) {
  const [copied, set] = useState(false);
  return (
    <span class="command">
      <code>{text}</code>
      <button type="button" class="quiet" aria-label={`Copy: ${text}`} onClick={() => navigator.clipboard.writeText(text).then(() => set(true), () => set(false))}>{copied ? "copied" : "copy"}</button>
    </span>
  );
}

/** A dialog that keeps the focus while it is open and gives it back; Escape closes it. */
export function Dialog(props: { title: string; close: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => { dialog.current?.showModal(); }, []);
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onClose={props.close}>
      <h2 id="dialog-title">{props.title}</h2>
      {props.children}
    </dialog>
  );
}

/** Names with their values. */
export function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
  return <dl class="facts">{facts.filter(([, v]) => v !== "" && v !== undefined && v !== null).map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>;
}

export function Section({ title, children, actions }: { title: string; children: ComponentChildren; actions?: ComponentChildren }) {
  return <section><header class="section"><h2>{title}</h2>{actions}</header>{children}</section>;
}
