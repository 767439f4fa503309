// One table: how late it is in each target, its schema versions, its snapshot, its dead letters.

import type { DeadLetter, Pipeline, PipelineTable, SchemaVersion } from "./api.ts";
import { part } from "./api.ts";
import { Action } from "./action.tsx";
import { ago, counted, duration, heldAt, number, time, words } from "./format.ts";
import { now, useAsked } from "./live.ts";
import { Facts, Section, Table, Trouble } from "./parts.tsx";
import { to } from "./route.ts";

export function TablePage({ source, name }: { source: string; name: string }) {
  const asked = useAsked<{ tables: PipelineTable[] }>(`/v1/pipelines/${part(source)}/tables`, 2000);
  const versions = useAsked<{ versions: SchemaVersion[] }>(`/v1/captures/${part(source)}/schema-versions?table=${part(name)}`, 15_000);
  const pipeline = useAsked<{ pipeline: Pipeline }>(`/v1/pipelines/${part(source)}`, 10_000);
  const t = asked.answer?.tables.find((x) => x.table === name) ?? asked.answer?.tables.find((x) => x.topic === name);
  const c = t?.captured;
  const snapshot = `/v1/captures/${part(source)}/snapshot`;
  const pattern = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return (
    <>
      <h1>{name}</h1>
      <p><a href={to("pipelines", source)}>{source}</a></p>
      <Trouble error={asked.error} />
      {asked.answer && !t && <p class="note">The pipeline has no such table.</p>}
      {t?.sinks.map((s) => (
        <Section key={`${s.sink} ${s.targetTable}`} title={s.targetTable ? `In ${s.targetDatabase}.${s.targetTable}` : `To ${s.sink}`}>
          {s.lateSeconds > 0
            ? <p class={s.check ? "late degraded" : "note"}>{duration(s.lateSeconds)} late, held at <strong>{heldAt(s.heldAt)}</strong>{s.heldSince ? ` since ${time(s.heldSince)}` : ""}{s.because ? `, because ${s.because}` : "; nothing is wrong"}{s.remedy && <><br /><strong>Do:</strong> {s.remedy}</>}</p>
            : <p class="well">✓ {Number(s.recordsWaiting) > 0 ? "It is not late; changes are on their way." : "Nothing waits."}</p>}
          <Facts facts={[
            ["Sink", <a href={to("connectors", s.sink)}>{s.sink}</a>], ["Records waiting", number(s.recordsWaiting)], ["Rows ingested by the present workers", number(s.rowsIngested)],
            ["Last ingested", s.lastIngestedTime ? `${time(s.lastIngestedTime)}, ${ago(s.lastIngestedTime, now.value)} ago` : ""],
          ]} />
          <details>
            <summary>{counted(s.partitions.length, "partition")}</summary>
            <Table id="parts" caption="Partitions" rows={s.partitions} rowKey={(p) => `${p.topic} ${p.partition}`} empty="No task has them yet." columns={[
              { name: "Partition", by: (p) => p.partition, numeric: true, cell: (p) => p.partition },
              { name: "In ADX to", numeric: true, cell: (p) => number(p.committed) }, { name: "Read to", numeric: true, cell: (p) => number(p.position) }, { name: "End", numeric: true, cell: (p) => number(p.end) },
            ]} />
          </details>
          <DeadLetters sink={s.sink} topic={t.topic} pipeline={pipeline.answer?.pipeline} />
        </Section>
      ))}
      {t && (
        <Section title="Capture" actions={<span class="actions">
          <Action label="Snapshot again" needs="operator" explain={`Reads ${name} while the stream goes on. Its rows come as reads again; tables to which rows are appended have them twice then.`} path={snapshot}
            body={{ action: "SNAPSHOT_ACTION_EXECUTE", tables: [{ pattern }] }} ctl={["snapshot", "start", source, "--table", pattern]} done={asked.again} />
          <Action label="Pause snapshots" needs="operator" explain="Incremental snapshots of this connector wait until they are resumed." path={snapshot} body={{ action: "SNAPSHOT_ACTION_PAUSE" }} ctl={["snapshot", "pause", source]} />
          <Action label="Resume snapshots" needs="operator" explain="Incremental snapshots of this connector go on." path={snapshot} body={{ action: "SNAPSHOT_ACTION_RESUME" }} ctl={["snapshot", "resume", source]} />
          <Action label="Stop snapshot" needs="operator" explain={`No more rows of ${name} are read by an incremental snapshot.`} path={snapshot} body={{ action: "SNAPSHOT_ACTION_STOP", tables: [{ pattern }] }} ctl={["snapshot", "stop", source, "--table", pattern]} />
        </span>}>
          <Facts facts={[
            ["State", words((c?.state ?? "").replace("STATE_", ""))], ["Reason", c?.reason ?? ""], ["Topic", t.topic], ["Last change", c?.lastChangeTime ? `${time(c.lastChangeTime)}, ${ago(c.lastChangeTime, now.value)} ago` : ""],
            ["Inserted / updated / deleted", c ? `${number(c.rowsInserted)} / ${number(c.rowsUpdated)} / ${number(c.rowsDeleted)}` : ""], ["Truncated", c && Number(c.truncates) > 0 ? number(c.truncates) : ""],
            ["Read by snapshots", c ? number(c.rowsRead) : ""], ["Replica identity", c?.replicaIdentity ?? ""],
            ["Snapshot", t.snapshot ? `${counted(t.snapshot.rowsDone, "row")}${Number(t.snapshot.rowsEstimated) > 0 ? ` of about ${number(t.snapshot.rowsEstimated)}` : ""}${t.snapshot.completed ? ", complete" : ""}` : ""],
          ]} />
          {[...(c?.warnings ?? []), ...(c?.keptBack ?? [])].map((w) => <p key={w} class="late degraded">{w}</p>)}
        </Section>
      )}
      <Section title="Schema versions">
        <Trouble error={versions.error} />
        {versions.answer && <ol class="versions">{versions.answer.versions.map((v) => (
          <li key={v.version}>
            <strong>Version {v.version}</strong> from {time(v.time)} at {v.lsn}{v.compatibility === "COMPATIBILITY_BREAKING" && <span class="badge degraded">▲ breaking</span>}
            {v.changes.length > 0 && <ul>{v.changes.map((d) => <li key={d.kind + d.column}>{words(d.kind.replace("KIND_", ""))} {d.column} {d.from && `from ${d.from}`} {d.to && `to ${d.to}`}</li>)}</ul>}
            <details><summary>{counted(v.columns.length, "column")}</summary><ul>{v.columns.map((k) => <li key={k.name}>{k.name} <code>{k.type}</code>{k.keyPlace ? " key" : ""}{k.optional ? "" : " required"}</li>)}</ul></details>
          </li>))}</ol>}
        {versions.answer?.versions.length === 0 && <p class="note">None is known yet: the first change shows the first.</p>}
      </Section>
    </>
  );
}

/** JSON as people read it; other text as it is. */
function readable(text: string): string {
  try { return JSON.stringify(JSON.parse(text), null, 1); } catch { return text; }
}

function DeadLetters({ sink, topic, pipeline }: { sink: string; topic: string; pipeline: Pipeline | undefined }) {
  const at = `/v1/sinks/${part(sink)}/dead-letters`;
  // Only of a sink that has some: where there is no dead letter topic the list is refused.
  const open = Number(pipeline?.sinks.find((s) => s.status?.name === sink)?.sink?.openDeadLetters ?? 0);
  const asked = useAsked<{ letters: DeadLetter[]; total: string }>(open > 0 ? `${at}?filter.topic=${part(topic)}&page_size=50` : undefined, 10_000);
  if (!asked.answer) return asked.error ? <Trouble error={asked.error} /> : null;
  const { letters, total } = asked.answer;
  if (Number(total) === 0) return null;
  const filter = { topic };
  return (
    <>
      <h3>{counted(total, "dead letter")}</h3>
      <p class="actions">
        <Action label="Replay all" primary needs="operator" explain="Makes rows of these records again and ingests them, each once. Those that are refused again stay, with the new reason." path={`${at}:replay`} body={{ filter }} ctl={["dead-letters", "replay", sink, "--topic", topic]} done={asked.again} />
        <Action label="Discard all" needs="admin" name={sink} explain="Marks these records as done with. They stay in the dead letter topic, and their rows never come into the table." path={`${at}:discard`} body={{ filter }} ctl={["dead-letters", "discard", sink, "--topic", topic]} done={asked.again} />
      </p>
      <ul class="letters">{letters.map((l) => (
        <li key={l.id}>
          <details>
            <summary>{words(l.class.replace("DEAD_LETTER_CLASS_", ""))}{l.column && ` · ${l.column}`} · {time(l.time)} · {l.reason}</summary>
            <p class="actions"><Action label="Replay" needs="operator" explain="Makes a row of this record again and ingests it once." path={`${at}:replay`} body={{ filter: { ids: [l.id] } }} ctl={["dead-letters", "replay", sink, "--id", l.id]} done={asked.again} /></p>
            {l.decoded?.failure && <p class="trouble">{l.decoded.failure}</p>}
            <div class="beside">
              {l.decoded?.before && <div><h4>Before</h4><pre>{readable(l.decoded.before)}</pre></div>}
              {(l.decoded?.after || l.decoded?.row) && <div><h4>After</h4><pre>{readable(l.decoded.after || l.decoded.row)}</pre></div>}
            </div>
            <p class="note">{l.topic}, partition {l.partition}, offset {l.offset}{l.decoded?.sourceLsn && `, ${l.decoded.sourceLsn}`}{l.errorCode && `, ${l.errorCode}`}</p>
          </details>
        </li>))}</ul>
    </>
  );
}
