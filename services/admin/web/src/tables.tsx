// All tables of all pipelines, in the order and the pages that admin gives them, since there may be tens of thousands.

import { ask, query, to } from "./route.ts";
import { counted, duration, heldAt, number } from "./format.ts";
import { useAsked } from "./live.ts";
import { tablePath, type LateTables } from "./overview.tsx";
import { Trouble, VerdictBadge } from "./parts.tsx";
import { useState } from "preact/hooks";

export function Tables() {
  const filter = query.value.get("filter") ?? "";
  const order = query.value.get("order") ?? "late";
  const lateOnly = query.value.get("late") === "only";
  // Tokens of the pages before this one; the last is this one's.
  const [tokens, setTokens] = useState<string[]>([]);
  const parameters = new URLSearchParams({ order_by: order, page_size: "50" });
  if (filter) parameters.set("filter", filter);
  if (lateOnly) parameters.set("late_only", "true");
  const token = tokens.at(-1);
  if (token) parameters.set("page_token", token);
  const asked = useAsked<LateTables & { nextPageToken: string }>(`/v1/tables?${parameters}`, 3000);
  const set = (values: Record<string, string>) => { setTokens([]); ask(values); };
  return (
    <>
      <h1>Tables</h1>
      <p class="controls">
        <label class="filter">Filter <input type="search" value={filter} onInput={(e) => set({ filter: e.currentTarget.value })} /></label>{" "}
        <label>Order <select value={order} onChange={(e) => set({ order: e.currentTarget.value })}>
          <option value="late">latest first</option><option value="waiting">most records waiting first</option><option value="name">by name</option>
        </select></label>{" "}
        <label><input type="checkbox" checked={lateOnly} onChange={(e) => set({ late: e.currentTarget.checked ? "only" : "" })} /> only tables that are late</label>
      </p>
      <Trouble error={asked.error} />
      {asked.answer && <>
        <div class="scroll" tabIndex={0} role="region" aria-label="Tables"><table>
          <caption class="unseen">Tables on their way to their targets</caption>
          <thead><tr><th scope="col">Table</th><th scope="col">Target</th><th scope="col" class="number">Late</th><th scope="col">Held at</th><th scope="col" class="number">Waiting</th><th scope="col">Because</th><th scope="col">Pipeline</th></tr></thead>
          <tbody>{asked.answer.tables.map((t) => (
            <tr key={`${t.source} ${t.table} ${t.topic} ${t.sink} ${t.target}`}>
              <td><a href={tablePath(t)}>{t.table || t.topic}</a></td><td>{t.target}</td>
              <td class="number">{t.lateSeconds > 0 ? duration(t.lateSeconds) : ""}</td><td>{heldAt(t.heldAt)}</td>
              <td class="number">{Number(t.recordsWaiting) > 0 ? number(t.recordsWaiting) : ""}</td>
              <td>{t.check && <VerdictBadge verdict={t.verdict} />} {t.because}</td><td><a href={to("pipelines", t.source)}>{t.source}</a></td>
            </tr>))}</tbody>
        </table></div>
        {asked.answer.tables.length === 0 && <p class="note">{lateOnly ? "No table is late." : "No table matches."}</p>}
        <p class="pages">
          <button type="button" disabled={tokens.length === 0} onClick={() => setTokens(tokens.slice(0, -1))}>Previous</button>{" "}
          {counted(asked.answer.totalSize, "row")}{" "}
          <button type="button" disabled={!asked.answer.nextPageToken} onClick={() => setTokens([...tokens, asked.answer!.nextPageToken])}>Next</button>
        </p>
      </>}
    </>
  );
}
