// One pipeline: where it is late, what the checks say, its tables and its slot.

import type { Event, HealthCheck, History, Lag, Pipeline as Message, PipelineTable } from "./api.ts";
import { part } from "./api.ts";
import { Action, LifecycleActions } from "./action.tsx";
import { Chart } from "./chart.tsx";
import { Events } from "./events.tsx";
import { ago, bytes, counted, duration, heldAt, number, seconds, time, words } from "./format.ts";
import { now, useAsked } from "./live.ts";
import { Facts, Section, StateBadge, Table, Trouble, VerdictBadge } from "./parts.tsx";
import { to } from "./route.ts";

const checkSign: Record<string, string> = { CHECK_STATE_OK: "✓", CHECK_STATE_NOTICE: "ℹ", CHECK_STATE_WARNING: "▲", CHECK_STATE_ERROR: "✕" };
const checkKind: Record<string, string> = { CHECK_STATE_OK: "healthy", CHECK_STATE_NOTICE: "paused", CHECK_STATE_WARNING: "degraded", CHECK_STATE_ERROR: "broken" };

function Segment({ name, lag }: { name: string; lag: Lag | null }) {
  const behind = lag && (Number(lag.bytes) > 0 ? bytes(Number(lag.bytes)) : Number(lag.records) > 0 ? counted(lag.records, "record") : "");
  return <li class={lag ? undefined : "unknown"}><span>{name}</span><strong>{lag ? duration(seconds(lag.time) ?? 0) : "not known"}</strong><small>{behind || (lag ? "nothing waits" : "")}</small></li>;
}

export function Checks({ checks }: { checks: HealthCheck[] }) {
  const fine = checks.filter((c) => c.state === "CHECK_STATE_OK");
  const others = checks.filter((c) => c.state !== "CHECK_STATE_OK");
  const item = (c: HealthCheck) => (
    <li key={`${c.name} ${c.subject}`} class={`check ${checkKind[c.state] ?? ""}`}>
      <span class={`badge ${checkKind[c.state] ?? ""}`}><span aria-hidden="true">{checkSign[c.state]}</span> {words(c.state.replace("CHECK_STATE_", ""))}</span>{" "}
      <strong>{words(c.name)}{c.subject ? ` · ${c.subject}` : ""}</strong> {c.summary} <small>{c.since && c.state !== "CHECK_STATE_OK" ? `since ${time(c.since)}` : ""}</small>
      {c.remedy && <p class="remedy"><strong>Do:</strong> {c.remedy}</p>}
    </li>
  );
  return (
    <>
      {others.length > 0 ? <ul class="checks">{others.map(item)}</ul> : <p class="well">✓ All {fine.length} checks are well.</p>}
      {fine.length > 0 && <details><summary>{counted(fine.length, "check")} that {fine.length === 1 ? "is" : "are"} well</summary><ul class="checks">{fine.map(item)}</ul></details>}
    </>
  );
}

interface TableRow { t: PipelineTable; s: PipelineTable["sinks"][number] | undefined }

export function Pipeline({ source }: { source: string }) {
  const at = `/v1/pipelines/${part(source)}`;
  const asked = useAsked<{ pipeline: Message }>(at, 2000);
  const tables = useAsked<{ tables: PipelineTable[] }>(`${at}/tables`, 3000);
  const history = useAsked<History>(`${at}/history`, 15_000);
  const p = asked.answer?.pipeline;
  const sinkNames = p?.sinks.flatMap((s) => (s.status ? [s.status.name] : [])) ?? [];
  const events = useAsked<{ events: Event[] }>(p && `/v1/events?page_size=20&${[source, ...sinkNames].map((c) => `connectors=${part(c)}`).join("&")}`, 10_000);
  if (!p) return <><h1>{source}</h1>{asked.error ? <Trouble error={asked.error} /> : <p class="note">Asking admin…</p>}</>;
  const slot = p.capture?.slot;
  const forecast = p.slotForecast;
  const rows: TableRow[] = tables.answer?.tables.flatMap((t): TableRow[] => (t.sinks.length ? t.sinks.map((s) => ({ t, s })) : [{ t, s: undefined }])) ?? [];
  return (
    <>
      <h1>{source} <VerdictBadge verdict={p.verdict} /></h1>
      <Trouble error={asked.error} />
      <p class="reason">{p.reason}</p>
      <ol class="way" aria-label="The way of a change, and how late each part is">
        <Segment name="commit → capture" lag={p.commitToCapture} />
        <Segment name="capture → Kafka" lag={p.captureToKafka} />
        {p.sinks.map((s) => [
          <Segment key={`k ${s.status?.name}`} name={`Kafka → sink${p.sinks.length > 1 ? ` · ${s.status?.name}` : ""}`} lag={s.kafkaToSink} />,
          <Segment key={`q ${s.status?.name}`} name="sink → queryable" lag={s.sinkToQueryable} />,
        ])}
      </ol>
      <Section title="Checks"><Checks checks={p.checks} /></Section>
      <Section title="Connectors">
        <ul class="plain">
          {p.sourceStatus && <li><StateBadge state={p.sourceStatus.state} /> <a href={to("connectors", source)}>{source}</a> (source) <LifecycleActions name={source} state={p.sourceStatus.state} done={asked.again} /></li>}
          {p.sinks.map((s) => s.status && <li key={s.status.name}><StateBadge state={s.status.state} /> <a href={to("connectors", s.status.name)}>{s.status.name}</a> (sink) <LifecycleActions name={s.status.name} state={s.status.state} done={asked.again} /></li>)}
        </ul>
      </Section>
      <Section title="Tables" actions={<Action label="Verify" needs="operator" explain="Compares the source's tables with their copies while changes flow, down to the keys that differ. It changes nothing."
        path={`${at}:verify`} body={{}} ctl={["verify", source]} streams={verification} />}>
        <Trouble error={tables.error} />
        <Table<TableRow> id="t" caption={`Tables of ${source}`} rows={rows} rowKey={({ t, s }) => `${t.topic} ${s?.sink} ${s?.targetTable}`} text={({ t, s }) => `${t.table} ${t.topic} ${s?.targetTable ?? ""} ${s?.because ?? ""}`}
          empty={tables.answer ? "The source captures no table." : "Asking admin…"}
          columns={[
            { name: "Table", by: ({ t }) => t.table || t.topic, cell: ({ t }) => <a href={to("pipelines", source, "tables", t.table || t.topic)}>{t.table || t.topic}</a> },
            { name: "State", by: ({ t }) => t.captured?.state ?? "", cell: ({ t }) => words((t.captured?.state ?? "").replace("STATE_", "")) },
            { name: "Target", by: ({ s }) => s?.targetTable ?? "", cell: ({ s }) => (s?.targetTable ? `${s.targetDatabase}.${s.targetTable}` : "") },
            { name: "Late", by: ({ s }) => -(s?.lateSeconds ?? 0), numeric: true, cell: ({ s }) => (s && s.lateSeconds > 0 ? duration(s.lateSeconds) : "") },
            { name: "Held at", by: ({ s }) => s?.heldAt ?? "", cell: ({ s }) => (s ? heldAt(s.heldAt) : "") },
            { name: "Because", cell: ({ t, s }) => s?.because || t.captured?.reason || [...(t.captured?.warnings ?? []), ...(t.captured?.keptBack ?? [])].join(" ") },
            { name: "Waiting", by: ({ s }) => -Number(s?.recordsWaiting ?? 0), numeric: true, cell: ({ s }) => (s && Number(s.recordsWaiting) > 0 ? number(s.recordsWaiting) : "") },
            { name: "Last ingested", by: ({ s }) => s?.lastIngestedTime ?? "", cell: ({ s }) => (s?.lastIngestedTime ? `${ago(s.lastIngestedTime, now.value)} ago` : "") },
          ]} />
      </Section>
      {history.answer && history.answer.series.length > 0 &&
        <Section title="The last hour">
          <div class="charts">
            <Chart title="Lateness by where it is held" history={history.answer} names={["late_commit_to_capture", "late_capture_to_kafka", "late_kafka_to_sink", "late_sink_to_queryable"]} unit="s" />
            <Chart title="Rows a second" history={history.answer} names={["rows_captured", "rows_ingested"]} unit="row/s" />
            <Chart title="Log that the slot keeps" history={history.answer} names={["slot_retained"]} unit="By" />
          </div>
        </Section>}
      {slot &&
        <Section title="Slot">
          <Facts facts={[
            ["Name", slot.name], ["Plugin", slot.plugin], ["Publication", slot.publication], ["Read by", slot.missing ? "there is no such slot" : slot.active ? "capture" : `nobody${slot.inactiveSince ? ` since ${time(slot.inactiveSince)}` : ""}`],
            ["Log kept", bytes(Number(slot.retainedBytes))], ["State of the log", slot.walStatus], ["Confirmed", slot.confirmedFlushLsn], ["Kept from", slot.restartLsn], ["Failover", slot.failover ? "yes" : "no"],
            ["Full at", forecast?.fullTime ? `${time(forecast.fullTime)}, in ${duration((Date.parse(forecast.fullTime) - now.value) / 1000)}` : ""], ["Limit", forecast?.limit ?? ""],
          ]} />
          {slot.holders.length > 0 && <ul>{slot.holders.map((h) => <li key={h.what}>{h.what}{h.beginTime && `, open for ${ago(h.beginTime, now.value)}`}. <strong>Do:</strong> {h.remedy}</li>)}</ul>}
        </Section>}
      <Section title="Events"><Trouble error={events.error} />{events.answer && <Events events={events.answer.events} />}</Section>
    </>
  );
}

interface Verification {
  progress?: { table: string; sink: string; rowsCompared: string; rowsTotal: string };
  table?: { table: string; target: string; equal: boolean; differences: number; failure: string };
  summary?: { equal: boolean; reason: string };
}
const verification = (m: Verification) =>
  m.summary ? m.summary.reason : m.progress ? `${m.progress.table}: ${number(m.progress.rowsCompared)} of ${number(m.progress.rowsTotal)} rows compared` : "";
