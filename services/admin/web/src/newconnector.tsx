// A new connector: a form made of the catalogue, checked as it is typed, with the JSON that it makes beside it.

import { useEffect, useState } from "preact/hooks";
import type { ConfigKey, Plugin, Validation } from "./api.ts";
import { call, part, Refused } from "./api.ts";
import { Action, refusedTo } from "./action.tsx";
import { useAsked } from "./live.ts";
import { Section, Trouble } from "./parts.tsx";
import { go, to } from "./route.ts";

const importance = ["HIGH", "MEDIUM", "LOW"];

export function NewConnector() {
  const plugins = useAsked<{ plugins: Plugin[] }>("/v1/plugins", 60_000);
  const [name, setName] = useState("");
  const [kind, setKind] = useState("");
  const [values, setValues] = useState<Record<string, string>>({});
  const [find, setFind] = useState("");
  const [checked, setChecked] = useState<{ validation?: Validation; error: string }>({ error: "" });
  const keys = useAsked<{ keys: ConfigKey[] }>(kind ? `/v1/plugins/${part(kind)}/config` : undefined, 600_000);
  const config = { "connector.class": kind, ...Object.fromEntries(Object.entries(values).filter(([, v]) => v !== "")) };
  const json = JSON.stringify(config);
  const mayValidate = refusedTo("admin") === "";

  // Asked a moment after the last letter, and without opening a connection: that is for the button.
  useEffect(() => {
    if (!kind || !mayValidate) return;
    const timer = setTimeout(() => {
      call<Validation>("POST", `/v1/plugins/${part(kind)}:validate`, { config: { name: name || "new", ...config }, offline: true })
        .then((validation) => setChecked({ validation, error: "" }), (e) => setChecked({ error: e instanceof Refused ? e.message : "Admin cannot be reached." }));
    }, 400);
    return () => clearTimeout(timer);
  }, [json, name, kind, mayValidate]);

  const faults = new Map(checked.validation?.values.filter((v) => v.errors.length || v.warnings.length).map((v) => [v.key.name, v]));
  const known = (keys.answer?.keys ?? []).filter((k) => !k.unsupported && k.name !== "connector.class" && k.name !== "name");
  const wanted = find.toLowerCase();
  const shown = known
    .filter((k) => (wanted ? `${k.name} ${k.documentation}`.toLowerCase().includes(wanted) : k.required || k.importance === "HIGH" || k.name in values || faults.has(k.name)))
    .sort((a, b) => importance.indexOf(a.importance) - importance.indexOf(b.importance) || a.group.localeCompare(b.group) || a.orderInGroup - b.orderInGroup);
  const set = (key: string, value: string) => setValues((all) => ({ ...all, [key]: value }));
  const left = [...faults.values()].filter((v) => v.errors.length > 0).length;
  return (
    <>
      <h1>New connector</h1>
      <Trouble error={plugins.error} />
      <div class="beside form">
        <div>
          <p><label>Name <input value={name} onInput={(e) => setName(e.currentTarget.value)} autocomplete="off" /></label></p>
          <p><label>Class <select value={kind} onChange={(e) => { setKind(e.currentTarget.value); setChecked({ error: "" }); }}>
            <option value="">choose…</option>
            {plugins.answer?.plugins.map((p) => <option key={p.class} value={p.class}>{p.class} ({p.type.replace("CONNECTOR_TYPE_", "").toLowerCase()})</option>)}
          </select></label></p>
          {kind && <>
            <p><label class="filter">Find a key <input type="search" value={find} onInput={(e) => setFind(e.currentTarget.value)} /></label> <span class="note">{wanted ? `${shown.length} of ${known.length} keys` : `those that matter most, of ${known.length}`}</span></p>
            {shown.slice(0, 60).map((k) => <Field key={k.name} of={k} value={values[k.name] ?? ""} set={(v) => set(k.name, v)} errors={faults.get(k.name)?.errors ?? []} warnings={faults.get(k.name)?.warnings ?? []} />)}
            {[...faults.values()].filter((v) => !known.some((k) => k.name === v.key.name)).map((v) => <p key={v.key.name} class="trouble">{v.key.name}: {[...v.errors, ...v.warnings].join(" ")}</p>)}
          </>}
        </div>
        <div>
          <Section title="As JSON" actions={kind && <span class="actions">
            <Action label="Check connections" needs="admin" explain="Looks at Kafka and at the source or target with this configuration, and creates nothing." path={`/v1/plugins/${part(kind)}:validate`} body={{ config: { name: name || "new", ...config } }} />
            <Action label="Create" primary needs="admin" explain={`Makes ${name || "the connector"} if every check of Kafka and of the source or target is well, and starts it.`} path="/v1/connectors" body={{ name, config, check: true }} ctl={["apply", "-f", `${name}.json`]}
              not={name === "" ? "give it a name" : left > 0 ? `${left} keys are wrong` : ""} done={() => setTimeout(() => go(to("connectors", name)), 1500)} />
          </span>}>
            <pre class="config" tabIndex={0} role="region" aria-label="The configuration as JSON">{JSON.stringify({ name, config }, null, 2)}</pre>
            <div role="status">{kind && (mayValidate ? (checked.error ? <p class="trouble">{checked.error}</p> : checked.validation && <p class={left ? "trouble" : "well"}>{left ? `${left} keys are missing or wrong` : "✓ Every key is right"}</p>) : <p class="note">{refusedTo("admin")}</p>)}</div>
          </Section>
        </div>
      </div>
    </>
  );
}

function Field({ of: k, value, set, errors, warnings }: { of: ConfigKey; value: string; set: (v: string) => void; errors: string[]; warnings: string[] }) {
  const id = `key-${k.name}`;
  const options = k.recommendedValues.length > 0 ? k.recommendedValues : k.type === "BOOLEAN" ? ["true", "false"] : [];
  const attributes = { id, value, "aria-describedby": `${id}-doc`, "aria-invalid": errors.length > 0 };
  return (
    <div class="field">
      <label for={id}><code>{k.name}</code>{k.required && <> (must be set)</>}</label>
      {options.length > 0 && k.type !== "LIST"
        ? <select {...attributes} onChange={(e) => set(e.currentTarget.value)}><option value="">{k.hasDefault ? `default: ${k.defaultValue || "empty"}` : "not set"}</option>{options.map((o) => <option key={o} value={o}>{o}</option>)}</select>
        : k.type === "PASSWORD"
          ? <input {...attributes} type="password" autocomplete="off" onInput={(e) => set(e.currentTarget.value)} />
          : <input {...attributes} type="text" autocomplete="off" placeholder={k.hasDefault ? k.defaultValue : ""} onInput={(e) => set(e.currentTarget.value)} />}
      <p id={`${id}-doc`} class="note">{k.documentation}{errors.map((e) => <span key={e} class="trouble"> {e}</span>)}{warnings.map((w) => <span key={w}> {w}</span>)}</p>
    </div>
  );
}
