// The first view: what is wrong in the whole fleet, worst first, and what to do.

import type { PipelineSummary, ServiceHealth, TableStatus, Verdict } from "./api.ts";
import { ago, badness, counted, duration, heldAt, number, time, verdictWord } from "./format.ts";
import { lastNews, now, pipelines, useAsked } from "./live.ts";
import { Section, StateBadge, Table, Trouble, VerdictBadge } from "./parts.tsx";
import { to } from "./route.ts";

const verdicts: Verdict[] = ["VERDICT_BROKEN", "VERDICT_DEGRADED", "VERDICT_PAUSED", "VERDICT_SNAPSHOTTING", "VERDICT_HEALTHY"];

export interface LateTables { tables: TableStatus[]; totalSize: number; time: string }

export const tablePath = (t: { source: string; table: string; topic: string }) => to("pipelines", t.source, "tables", t.table || t.topic);

/** Where a late table is, why, and what to do: one block that can be read at three in the morning. */
export function Late({ t }: { t: TableStatus }) {
  return (
    <article class={`late ${verdictWord(t.verdict)}`}>
      <h3><a href={tablePath(t)}>{t.table || t.topic}</a> is {duration(t.lateSeconds)} late{t.target ? ` in ${t.target}` : ""}</h3>
      <p>Held at <strong>{heldAt(t.heldAt)}</strong>{t.heldSince ? ` since ${time(t.heldSince)}` : ""}{t.because ? <>, because {t.because}</> : ""}</p>
      {t.remedy && <p><strong>Do:</strong> {t.remedy}</p>}
      <p class="note"><a href={to("pipelines", t.source)}>{t.source}</a>{t.sink && <> → <a href={to("connectors", t.sink)}>{t.sink}</a></>}{Number(t.recordsWaiting) > 0 && <> · {counted(t.recordsWaiting, "record")} on the way</>}</p>
    </article>
  );
}

export function Overview() {
  const all = [...pipelines.value.values()];
  const late = useAsked<LateTables>("/v1/tables?late_only=true&page_size=20", 2000);
  const health = useAsked<{ services: ServiceHealth[] }>("/v1/health", 5000);
  const count = (v: Verdict) => all.filter((p) => p.verdict === v).length;
  const wrong = all.filter((p) => p.verdict === "VERDICT_BROKEN" || p.verdict === "VERDICT_DEGRADED").sort((a, b) => badness(a.verdict) - badness(b.verdict) || a.source.localeCompare(b.source));
  const soon = all.filter((p) => p.slotFullTime !== null && Date.parse(p.slotFullTime) - now.value < 24 * 3600_000).sort((a, b) => a.slotFullTime!.localeCompare(b.slotFullTime!));
  const failed = all.flatMap((p) => [{ name: p.source, state: p.state, source: p.source }, ...p.sinks.map((s) => ({ ...s, source: p.source }))]).filter((c) => c.state === "STATE_FAILED" || c.state === "STATE_UNASSIGNED");
  const away = health.answer?.services.filter((s) => !s.serving) ?? [];
  const well = lastNews.value !== undefined && wrong.length + soon.length + failed.length + away.length === 0 && late.answer?.totalSize === 0;
  return (
    <>
      <h1>Overview</h1>
      <ul class="counts" aria-label="Pipelines by verdict">
        {verdicts.map((v) => <li key={v} class={count(v) ? undefined : "none"}><a href={`${to("pipelines")}?verdict=${verdictWord(v)}`}><strong>{count(v)}</strong> <VerdictBadge verdict={v} /></a></li>)}
      </ul>
      <Trouble error={late.error} />
      {well && <p class="well" role="status">✓ All {all.length === 1 ? "is well with the one pipeline" : `${all.length} pipelines are well`}: no table is late, no slot fills within a day, no connector has failed, and every worker answers. Looked at {time(lastNews.value)}.</p>}
      {lastNews.value !== undefined && all.length === 0 && <p class="note">There is no pipeline yet. <a href={to("new")}>Make the first connector.</a></p>}
      {late.answer && late.answer.totalSize > 0 &&
        <Section title={late.answer.totalSize === 1 ? "One table is late" : `${number(late.answer.totalSize)} tables are late, worst first`}>
          {late.answer.tables.map((t) => <Late key={`${t.source} ${t.table || t.topic} ${t.sink} ${t.target}`} t={t} />)}
          {late.answer.totalSize > late.answer.tables.length && <p><a href={to("tables")}>All of them</a></p>}
        </Section>}
      {wrong.length > 0 &&
        <Section title="Pipelines that need somebody">
          <Table<PipelineSummary> id="wrong" caption="Pipelines that are broken or degraded" rows={wrong} rowKey={(p) => p.source} empty="" text={(p) => p.source + p.reason}
            columns={[
              { name: "Pipeline", by: (p) => p.source, cell: (p) => <a href={to("pipelines", p.source)}>{p.source}</a> },
              { name: "Verdict", by: (p) => badness(p.verdict), cell: (p) => <VerdictBadge verdict={p.verdict} /> },
              { name: "Because", cell: (p) => p.reason },
            ]} />
        </Section>}
      {soon.length > 0 &&
        <Section title="Slots that fill within a day">
          <ul>{soon.map((p) => <li key={p.source}><a href={to("pipelines", p.source)}>{p.source}</a>: full at <strong>{time(p.slotFullTime)}</strong>, in {duration((Date.parse(p.slotFullTime!) - now.value) / 1000)} at the present rate</li>)}</ul>
        </Section>}
      {failed.length > 0 &&
        <Section title="Connectors that do not run">
          <ul>{failed.map((c) => <li key={c.name}><StateBadge state={c.state} /> <a href={to("connectors", c.name)}>{c.name}</a></li>)}</ul>
        </Section>}
      {away.length > 0 &&
        <Section title="Services that do not answer">
          <ul>{away.map((s) => <li key={s.service + s.address}><strong>{s.service}</strong> {s.address}: {s.detail}</li>)}</ul>
        </Section>}
      <Trouble error={health.error} />
    </>
  );
}

/** All tables, page by page as admin sorts them. */
export function Pipelines() {
  const verdict = new URL(location.href).searchParams.get("verdict");
  const all = [...pipelines.value.values()].filter((p) => !verdict || verdictWord(p.verdict) === verdict).sort((a, b) => badness(a.verdict) - badness(b.verdict) || a.source.localeCompare(b.source));
  return (
    <>
      <h1>Pipelines{verdict ? `, ${verdict}` : ""}</h1>
      {verdict && <p><a href={to("pipelines")}>All pipelines</a></p>}
      <Table<PipelineSummary> id="p" caption="Pipelines, worst first" rows={all} rowKey={(p) => p.source} text={(p) => `${p.source} ${p.sinks.map((s) => s.name).join(" ")} ${p.reason}`}
        empty={<>There is no pipeline{verdict ? " with this verdict" : " yet"}.</>}
        columns={[
          { name: "Pipeline", by: (p) => p.source, cell: (p) => <a href={to("pipelines", p.source)}>{p.source}</a> },
          { name: "Verdict", by: (p) => badness(p.verdict), cell: (p) => <VerdictBadge verdict={p.verdict} /> },
          { name: "Latest table", by: (p) => p.lateSince ?? "~", numeric: true, cell: (p) => (p.lateSince ? `${ago(p.lateSince, now.value)} late` : "") },
          { name: "Tables", by: (p) => p.tables, numeric: true, cell: (p) => (p.lateTables ? `${p.lateTables} of ${p.tables} late` : p.tables) },
          { name: "Sinks", cell: (p) => p.sinks.map((s) => <span key={s.name} class="item"><a href={to("connectors", s.name)}>{s.name}</a>{s.state !== "STATE_RUNNING" && <> <StateBadge state={s.state} /></>}</span>) },
          { name: "Because", cell: (p) => p.reason },
        ]} />
    </>
  );
}
