// One connector: its tasks, its configuration with what a change would lead to before it is made, its versions and offsets.

import { useEffect, useState } from "preact/hooks";
import type { ConfigVersion, Connector, ConnectorStatus, Event, Plan, Sink } from "./api.ts";
import { call, part, Refused } from "./api.ts";
import { Action, LifecycleActions, refusedTo } from "./action.tsx";
import { Events } from "./events.tsx";
import { bytes, counted, number, time, words } from "./format.ts";
import { useAsked } from "./live.ts";
import { Facts, Section, StateBadge, Table, Trouble } from "./parts.tsx";
import { to } from "./route.ts";

export function Connectors() {
  const asked = useAsked<Record<string, { status: { connector: { state: string; worker_id: string }; tasks: { id: number; state: string }[]; type: string } }>>("/connectors?expand=status", 5000);
  const rows = Object.entries(asked.answer ?? {}).map(([name, { status }]) => ({ name, ...status }));
  return (
    <>
      <h1>Connectors</h1>
      <p><a class="button" href={to("new")}>New connector</a></p>
      <Trouble error={asked.error} />
      {asked.answer &&
        <Table id="c" caption="Connectors" rows={rows} rowKey={(r) => r.name} text={(r) => `${r.name} ${r.connector.state}`} empty="There is no connector yet."
          columns={[
            { name: "Connector", by: (r) => r.name, cell: (r) => <a href={to("connectors", r.name)}>{r.name}</a> },
            { name: "Type", by: (r) => r.type, cell: (r) => r.type },
            { name: "State", by: (r) => r.connector.state, cell: (r) => <StateBadge state={`STATE_${r.connector.state}` as ConnectorStatus["state"]} /> },
            { name: "Tasks", cell: (r) => r.tasks.map((t) => <span key={t.id} class="item">{t.id} {t.state !== "RUNNING" && <StateBadge state={`STATE_${t.state}` as ConnectorStatus["state"]} />}</span>) },
            { name: "Worker", by: (r) => r.connector.worker_id, cell: (r) => r.connector.worker_id },
          ]} />}
    </>
  );
}

export function ConnectorPage({ name }: { name: string }) {
  const at = `/v1/connectors/${part(name)}`;
  const asked = useAsked<{ status: ConnectorStatus }>(`${at}/status`, 2000);
  const connector = useAsked<{ connector: Connector }>(at, 10_000);
  const versions = useAsked<{ versions: ConfigVersion[] }>(`${at}/config-versions`, 10_000);
  const status = asked.answer?.status;
  const isSink = status?.type === "CONNECTOR_TYPE_SINK";
  const sink = useAsked<{ sink: Sink }>(isSink && status?.state === "STATE_RUNNING" && status.tasks.length > 0 ? `/v1/sinks/${part(name)}` : undefined, 3000);
  const events = useAsked<{ events: Event[] }>(`/v1/events?page_size=50&connectors=${part(name)}`, 10_000);
  const s = sink.answer?.sink;
  const changed = () => { connector.again(); versions.again(); asked.again(); events.again(); };
  return (
    <>
      <h1>{name} {status && <StateBadge state={status.state} />}</h1>
      <Trouble error={asked.error} />
      {status && <p>{isSink ? "Sink" : <>Source of <a href={to("pipelines", name)}>the pipeline {name}</a></>} on {status.workerId || "no worker"} <LifecycleActions name={name} state={status.state} done={changed} /></p>}
      {status?.trace && <pre class="trouble">{status.trace}</pre>}
      {status &&
        <Section title="Tasks">
          <ul class="plain">{status.tasks.map((t) => (
            <li key={t.id}><StateBadge state={t.state} /> task {t.id} on {t.workerId || "no worker"} {t.version && <small>{t.version}</small>}{" "}
              <Action label={`Restart task ${t.id}`} needs="operator" explain={`Task ${t.id} of ${name} starts again where it was.`} path={`${at}/tasks/${t.id}:restart`} done={asked.again} />
              {t.trace && <pre class="trouble">{t.trace}</pre>}</li>))}
            {status.tasks.length === 0 && <li class="note">No task runs.</li>}
          </ul>
        </Section>}
      {s &&
        <Section title="Sink" actions={s.notices.length > 0 && <Action label="Acknowledge notices" needs="operator" explain="Takes back notices of what happened once, such as a truncated table. Others pass with what they are about." path={`/v1/sinks/${part(name)}/notices:acknowledge`} ctl={["acknowledge", name]} done={sink.again} />}>
          <Facts facts={[
            ["Guarantee", s.guarantee], ["Rows ingested", number(s.rowsIngested)], ["Batches on their way", number(s.batchesInFlight)], ["Held in memory", bytes(Number(s.bufferedBytes))],
            ["Open dead letters", s.openDeadLetters ?? ""], ["Trying again", s.tryingAgain], ["Last error", s.lastError ? `${time(s.lastErrorTime)}: ${s.lastError}` : ""],
          ]} />
          {s.notices.map((n) => <p key={n.kind + n.topic + n.column} class="late degraded">{n.summary} {n.remedy && <><br /><strong>Do:</strong> {n.remedy}</>}</p>)}
        </Section>}
      {connector.answer && <Configuration name={name} connector={connector.answer.connector} changed={changed} latest={versions.answer?.versions[0]?.version} />}
      <Section title="Versions of the configuration">
        <Trouble error={versions.error} />
        {versions.answer &&
          <Table<ConfigVersion> id="v" caption="Versions of the configuration, newest first" rows={versions.answer.versions} rowKey={(v) => v.version} empty="There is none."
            columns={[
              { name: "Version", numeric: true, cell: (v) => v.version }, { name: "When", cell: (v) => time(v.time) }, { name: "Who", cell: (v) => v.actor },
              { name: "Changed keys", cell: (v) => v.changedKeys.join(", ") },
              { name: "Action", cell: (v) => (v === versions.answer!.versions[0] ? "present" : <Action label={`Roll back to ${v.version}`} needs="admin" explain={`The configuration of version ${v.version}, its secrets included, becomes the present one again. The tasks restart.`} path={`${at}:rollback`} body={{ version: v.version }} ctl={["rollback", name, "--to", v.version]} done={changed} />) },
            ]} />}
      </Section>
      <Offsets name={name} stopped={status?.state === "STATE_STOPPED"} />
      <Section title="Events"><Trouble error={events.error} />{events.answer && <Events events={events.answer.events} />}</Section>
    </>
  );
}

/** The configuration as JSON: edited, planned, and applied only with the plan in sight. */
function Configuration({ name, connector, changed, latest }: { name: string; connector: Connector; changed: () => void; latest: string | undefined }) {
  const [text, setText] = useState<string>();
  const [from, setFrom] = useState<string>();
  const [plan, setPlan] = useState<{ of: string; plan: Plan }>();
  const [said, setSaid] = useState("");
  const present = JSON.stringify(Object.fromEntries(Object.entries(connector.config).filter(([k]) => k !== "name").sort()), null, 2);
  const at = `/v1/connectors/${part(name)}`;
  const read = (): Record<string, string> | undefined => {
    try {
      const config = JSON.parse(text ?? present);
      if (typeof config !== "object" || config === null || Array.isArray(config)) throw new Error("it is no object");
      return Object.fromEntries(Object.entries(config).map(([k, v]) => [k, typeof v === "string" ? v : JSON.stringify(v)]));
    } catch (error) {
      setSaid(`The configuration is not JSON: ${(error as Error).message}`);
      return undefined;
    }
  };
  const failed = (error: unknown) => setSaid(error instanceof Refused ? [error.message, ...error.violations.map((v) => `${v.field}: ${v.description}`)].join("\n") : "Admin cannot be reached.");
  const ask = async () => {
    const config = read();
    if (!config) return;
    setSaid("");
    await call<Plan>("POST", `${at}:plan`, { config }).then((p) => setPlan({ of: text!, plan: p }), failed);
  };
  const apply = async () => {
    const config = read();
    if (!config) return;
    try {
      // Somebody else may have changed it since the editor was opened.
      const newest = (await call<{ versions: ConfigVersion[] }>("GET", `${at}/config-versions`)).versions[0];
      if (newest && from !== undefined && newest.version !== from) {
        setSaid(`${newest.actor || "Somebody"} has made version ${newest.version} meanwhile. Close the editor, and open it again upon that version.`);
        return;
      }
      const answer = await call<{ warnings: string[] }>("PUT", `${at}/config`, { config, check: true });
      setSaid(["Applied.", ...answer.warnings].join("\n"));
      setText(undefined);
      setPlan(undefined);
      changed();
    } catch (error) { failed(error); }
  };
  const refused = refusedTo("admin");
  return (
    <Section title="Configuration" actions={text === undefined
      ? <button type="button" disabled={refused !== ""} title={refused || undefined} onClick={() => { setText(present); setFrom(latest); setSaid(""); }}>Edit</button>
      : <span class="actions"><button type="button" onClick={ask}>Plan</button> <button type="button" class="primary" disabled={plan?.of !== text} title={plan?.of === text ? undefined : "plan it first"} onClick={apply}>Apply</button> <button type="button" onClick={() => { setText(undefined); setPlan(undefined); setSaid(""); }}>Close</button></span>}>
      {connector.warnings.map((w) => <p key={w} class="late degraded">{w}</p>)}
      {text === undefined ? <pre class="config" tabIndex={0} role="region" aria-label={`Configuration of ${name}`}>{present}</pre> : <textarea class="config" aria-label={`Configuration of ${name}`} spellcheck={false} value={text} onInput={(e) => setText(e.currentTarget.value)} rows={Math.min(40, text.split("\n").length + 2)} />}
      <div role="status">{said && <p class="said">{said}</p>}</div>
      {plan && plan.of === text && <PlanView plan={plan.plan} />}
      {text !== undefined && <p class="note">The same as commands: <code>calypsoctl diff -f FILE</code>, <code>calypsoctl apply -f FILE</code>. Masked secrets (********) stay as they are.</p>}
    </Section>
  );
}

export function PlanView({ plan }: { plan: Plan }) {
  if (!plan.creates && plan.changes.length === 0) return <p class="note">Nothing would change.</p>;
  return (
    <div class="plan">
      {plan.changes.length > 0 && <table><caption>What changes</caption><thead><tr><th scope="col">Key</th><th scope="col">From</th><th scope="col">To</th></tr></thead>
        <tbody>{plan.changes.map((c) => <tr key={c.key}><td><code>{c.key}</code></td><td>{c.old ?? <em>not set</em>}</td><td>{c.new ?? <em>not set</em>}</td></tr>)}</tbody></table>}
      {plan.consequences.length > 0 && <><h3>What follows</h3><ul>{plan.consequences.map((c) => <li key={c.effect + c.detail}><strong>{words(c.effect)}</strong>{c.keys.length > 0 && <> ({c.keys.join(", ")})</>}: {c.detail}</li>)}</ul></>}
      {plan.warnings.map((w) => <p key={w} class="late degraded">{w}</p>)}
    </div>
  );
}

/** The offsets as JSON, in the form in which they are given back. */
function Offsets({ name, stopped }: { name: string; stopped: boolean }) {
  const asked = useAsked<{ offsets: unknown[] }>(`/v1/connectors/${part(name)}/offsets`, 10_000);
  const [text, setText] = useState<string>();
  const at = `/v1/connectors/${part(name)}/offsets`;
  let edited: unknown[] | undefined;
  try { edited = text === undefined ? undefined : JSON.parse(text); } catch { edited = undefined; }
  const not = stopped ? "" : "stop the connector first";
  useEffect(() => { if (!stopped) setText(undefined); }, [stopped]);
  return (
    <Section title="Offsets" actions={<span class="actions">
      {text === undefined
        ? <button type="button" disabled={not !== "" || refusedTo("admin") !== ""} title={not || refusedTo("admin") || undefined} onClick={() => setText(JSON.stringify(asked.answer?.offsets ?? [], null, 2))}>Edit</button>
        : <>
          <Action label="What would follow" needs="admin" explain="Changes nothing." method="PATCH" path={at} body={{ offsets: edited, validateOnly: true }} not={edited ? "" : "the offsets are not JSON"} />
          <Action label="Set offsets" needs="admin" name={name} explain="The connector goes on from these offsets. Records before them are not read, those after them come again." method="PATCH" path={at} body={{ offsets: edited }} ctl={["offsets", "set", name]} not={edited ? "" : "the offsets are not JSON"} done={() => { setText(undefined); asked.again(); }} />
        </>}
      <Action label="Reset offsets" needs="admin" name={name} explain="The connector forgets where it was and begins as a new one does. What it has delivered comes again." method="DELETE" path={at} ctl={["offsets", "reset", name]} not={not} done={asked.again} />
    </span>}>
      <Trouble error={asked.error} />
      {text !== undefined
        ? <textarea class="config" aria-label={`Offsets of ${name}`} spellcheck={false} value={text} onInput={(e) => setText(e.currentTarget.value)} rows={12} />
        : asked.answer && <details><summary>{counted(asked.answer.offsets.length, "partition")}</summary><pre class="config" tabIndex={0} role="region" aria-label={`Offsets of ${name}`}>{JSON.stringify(asked.answer.offsets, null, 2)}</pre></details>}
    </Section>
  );
}
