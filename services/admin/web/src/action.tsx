// What can be done: a button for each call that changes something, with the same call as commands, disabled with the reason
// for those who may not make it.

import { useState } from "preact/hooks";
import { call, Refused, stream } from "./api.ts";
import { caller } from "./live.ts";
import { Command, Dialog } from "./parts.tsx";

type Role = "viewer" | "operator" | "admin";
const rank: Record<string, number> = { viewer: 1, operator: 2, admin: 3 };

/** Why whoever is signed in may not do what needs a role; empty if they may. */
export function refusedTo(needs: Role): string {
  const { role, name } = caller.value;
  return (rank[role] ?? 0) >= rank[needs]! ? "" : `${name} has the role ${role}, and this needs ${needs}`;
}

/** A text as one word of a POSIX shell. */
const quoted = (text: string) => (/^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

export const curl = (method: string, path: string, body?: unknown) =>
  ["curl", ...(method === "GET" ? [] : ["-X", method]), ...(body === undefined ? [] : ["-H", "'Content-Type: application/json'", "-d", quoted(JSON.stringify(body))]), quoted(location.origin + path)].join(" ");

export interface ActionProps {
  label: string;
  needs: Role;
  /** What happens, in a sentence or two. */
  explain: string;
  method?: string;
  path: string;
  body?: unknown;
  /** The same by calypsoctl, without its name; there is none for some. */
  ctl?: string[];
  /** What must be typed before something is done that cannot be undone. */
  name?: string;
  primary?: boolean;
  /** Why it cannot be done now; empty if it can. */
  not?: string;
  /** Reads the messages of a call that streams. */
  streams?: (message: never) => string;
  done?: () => void;
}

export function Action(props: ActionProps) {
  const [open, setOpen] = useState(false);
  const refused = props.not || refusedTo(props.needs);
  return (
    <>
      <button type="button" class={props.name ? "danger" : props.primary ? "primary" : undefined} disabled={refused !== ""} title={refused || undefined} onClick={() => setOpen(true)}>{props.label}</button>
      {open && <ActionDialog {...props} close={() => setOpen(false)} />}
    </>
  );
}

function ActionDialog(props: ActionProps & { close: () => void }) {
  const [typed, setTyped] = useState("");
  const [state, setState] = useState<{ running: boolean; said: string; failed: string }>({ running: false, said: "", failed: "" });
  const method = props.method ?? "POST";
  const body = props.body ?? (method === "POST" ? {} : undefined);
  const run = async () => {
    setState({ running: true, said: "", failed: "" });
    try {
      if (props.streams) {
        await stream<never>(method, props.path, body, new AbortController().signal, (m) => {
          const said = props.streams!(m);
          if (said) setState({ running: true, said, failed: "" });
        });
        setState((s) => ({ running: false, said: s.said || "Done.", failed: "" }));
      } else {
        const answer = await call<Record<string, unknown>>(method, props.path, body);
        setState({ running: false, said: saying(answer), failed: "" });
      }
      props.done?.();
    } catch (error) {
      const text = error instanceof Refused ? [error.message, ...error.violations.map((v) => `${v.field}: ${v.description}`)].join("\n") : "Admin cannot be reached.";
      setState({ running: false, said: "", failed: text });
    }
  };
  return (
    <Dialog title={props.label} close={props.close}>
      <p>{props.explain}</p>
      {props.name && <label>Type <strong>{props.name}</strong> to go on <input value={typed} onInput={(e) => setTyped(e.currentTarget.value)} autocomplete="off" /></label>}
      <p class="buttons">
        <button type="button" class={props.name ? "danger" : "primary"} autofocus={!props.name} disabled={state.running || (props.name !== undefined && typed !== props.name)} onClick={run}>{state.running ? "Working…" : props.label}</button>
        <button type="button" onClick={props.close}>Close</button>
      </p>
      <div role="status">
        {state.said && <p class="said">{state.said}</p>}
        {state.failed && <p class="trouble">{state.failed}</p>}
      </div>
      <details>
        <summary>The same as a command</summary>
        {props.ctl && <p><Command text={["calypsoctl", ...props.ctl].map(quoted).join(" ")} /></p>}
        <p><Command text={curl(method, props.path, body)} /></p>
      </details>
    </Dialog>
  );
}

/** What an answer says, in a sentence. */
function saying(answer: Record<string, unknown>): string {
  const said = [
    typeof answer["message"] === "string" ? answer["message"] : "",
    ...["replayed", "discarded", "acknowledged"].filter((k) => k in answer).map((k) => `${answer[k]} ${k}.`),
    Number(answer["refusedTotal"] ?? 0) > 0 ? `${answer["refusedTotal"]} were refused again.` : "",
    ...(Array.isArray(answer["consequences"]) ? (answer["consequences"] as string[]) : []),
    ...(Array.isArray(answer["warnings"]) ? (answer["warnings"] as string[]) : []),
  ].filter(Boolean);
  return ["Done.", ...said].join("\n");
}

/** The calls about a connector's life. */
export function LifecycleActions({ name, state, done }: { name: string; state: string; done?: () => void }) {
  const at = `/v1/connectors/${encodeURIComponent(name)}`;
  const common = done ? { done } : {};
  return (
    <span class="actions">
      {state === "STATE_PAUSED" || state === "STATE_STOPPED"
        ? <Action label="Resume" primary needs="operator" explain={`${name} goes on where it was.`} path={`${at}:resume`} ctl={["resume", name]} {...common} />
        : <Action label="Pause" needs="operator" explain={`${name} moves no data until it is resumed, and keeps its connections. The log that its slot holds grows meanwhile if it is a source.`} path={`${at}:pause`} ctl={["pause", name]} {...common} />}
      <Action label="Stop" needs="operator" explain={`The tasks of ${name} end; its offsets can be changed then.`} path={`${at}:stop`} ctl={["stop", name]} not={state === "STATE_STOPPED" ? "it is stopped" : ""} {...common} />
      <Action label="Restart" needs="operator" explain={`${name} and its tasks start again where they were. Nothing is lost or repeated.`} path={`${at}:restart`} body={{ includeTasks: true }} ctl={["restart", name]} {...common} />
      <Action label="Delete" needs="admin" name={name} explain={`${name} is stopped and forgotten, with the versions of its configuration. Its topics, its slot and its offsets stay; a slot that nobody reads holds the server's log.`} method="DELETE" path={at} ctl={["delete", name]} {...common} />
    </span>
  );
}
