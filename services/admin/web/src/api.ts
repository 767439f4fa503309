// Admin's REST API as the page uses it: messages of proto/ in their JSON form, in which fields that are not set are there
// with their zero value, 64-bit numbers are texts, and messages that are not set are null.

export type Verdict = "VERDICT_HEALTHY" | "VERDICT_SNAPSHOTTING" | "VERDICT_PAUSED" | "VERDICT_DEGRADED" | "VERDICT_BROKEN" | "VERDICT_UNSPECIFIED";
export type State = "STATE_UNASSIGNED" | "STATE_RUNNING" | "STATE_PAUSED" | "STATE_FAILED" | "STATE_RESTARTING" | "STATE_STOPPED" | "STATE_UNSPECIFIED";
export type HeldAt = "HELD_AT_UNSPECIFIED" | "HELD_AT_COMMIT_TO_CAPTURE" | "HELD_AT_CAPTURE_TO_KAFKA" | "HELD_AT_KAFKA_TO_SINK" | "HELD_AT_SINK_TO_QUERYABLE";
/** RFC 3339, or null where it is not known. */
export type Time = string | null;
/** Seconds with an s: 1.5s. */
export type Span = string | null;

export interface PipelineSummary {
  source: string; verdict: Verdict; reason: string; state: State;
  sinks: { name: string; state: State }[];
  tables: number; lateTables: number; lateSince: Time; slotFullTime: Time;
}

export interface TableStatus {
  source: string; table: string; topic: string; sink: string; target: string;
  lateSeconds: number; heldAt: HeldAt; heldSince: Time; check: string; because: string; remedy: string;
  recordsWaiting: string; verdict: Verdict; sentence: string;
}

export interface TaskStatus { id: number; state: State; workerId: string; version: string; trace: string }
export interface ConnectorStatus {
  name: string; type: "CONNECTOR_TYPE_SOURCE" | "CONNECTOR_TYPE_SINK"; state: State; workerId: string; version: string; trace: string; tasks: TaskStatus[];
}
export interface Connector { name: string; type: string; config: Record<string, string>; tasks: number[]; warnings: string[] }

export interface Lag { bytes: string; records: string; time: Span }
export interface HealthCheck { name: string; subject: string; state: string; summary: string; remedy: string; since: Time }
export interface Slot {
  name: string; plugin: string; publication: string; restartLsn: string; confirmedFlushLsn: string; retainedBytes: string; walStatus: string;
  safeWalBytes: string; active: boolean; missing: boolean; failover: boolean; inactiveSince: Time; waitEvent: string;
  holders: { what: string; beginTime: Time; remedy: string }[];
}
export interface TableSnapshot { table: string; rowsDone: string; rowsEstimated: string; rangesDone: number; rangesTotal: number; completed: boolean }
export interface Capture {
  phase: string; reason: string; slot: Slot | null; receivedLsn: string; durableLsn: string; lastCommitTime: Time; commitToKafka: Span;
  rowsDelivered: string; transactionsDelivered: string; exactlyOnce: boolean; workerId: string; reconnects: string; snapshots: TableSnapshot[];
}
export interface PartitionProgress { topic: string; partition: number; position: string; committed: string; end: string }
export interface SinkNotice { kind: string; topic: string; table: string; column: string; summary: string; remedy: string; time: Time }
export interface Sink {
  guarantee: string; partitions: PartitionProgress[]; rowsIngested: string; bytesIngested: string; batchesIngested: string; batchesInFlight: string;
  bufferedBytes: string; rowsDeadLettered: string; lastError: string; lastErrorTime: Time; tryingAgain: string; openDeadLetters: string | null; notices: SinkNotice[];
}
export interface Pipeline {
  source: string; verdict: Verdict; reason: string; sourceStatus: ConnectorStatus | null; capture: Capture | null; topics: string[];
  sinks: { status: ConnectorStatus | null; sink: Sink | null; kafkaToSink: Lag | null; sinkToQueryable: Lag | null }[];
  commitToCapture: Lag | null; captureToKafka: Lag | null;
  slotForecast: { retainedBytes: string; growthBytesPerSecond: number; timeToFull: Span; limit: string; fullTime: Time } | null;
  checks: HealthCheck[];
}
export interface PipelineTable {
  table: string; topic: string; snapshot: TableSnapshot | null;
  captured: {
    state: string; reason: string; rowsInserted: string; rowsUpdated: string; rowsDeleted: string; truncates: string; rowsRead: string;
    lastChangeTime: Time; lastChangeLsn: string; schemaVersion: number; replicaIdentity: string; warnings: string[]; keptBack: string[];
  } | null;
  sinks: {
    sink: string; targetDatabase: string; targetTable: string; partitions: PartitionProgress[]; recordsWaiting: string; rowsIngested: string;
    lastIngestedTime: Time; lateSeconds: number; heldAt: HeldAt; heldSince: Time; check: string; because: string; remedy: string;
  }[];
}
export interface History { startTime: Time; interval: Span; series: { name: string; unit: string; values: number[] }[] }
export interface Event { time: Time; actor: string; action: string; connector: string; detail: string; error: string }
export interface ServiceHealth { service: string; address: string; serving: boolean; detail: string }
export interface DeadLetter {
  id: string; topic: string; partition: number; offset: string; reason: string; time: Time; class: string; errorCode: string; permanent: boolean; column: string;
  decoded: { key: string; op: string; before: string; after: string; row: string; sourceLsn: string; sourceTime: Time; failure: string } | null;
}
export interface SchemaVersion {
  table: string; version: number; lsn: string; time: Time; replicaIdentity: string; compatibility: string;
  columns: { name: string; type: string; optional: boolean; keyPlace: number }[];
  changes: { kind: string; column: string; from: string; to: string; breaking: boolean }[];
}
export interface ConfigVersion { version: string; time: Time; actor: string; config: Record<string, string>; changedKeys: string[] }
export interface Plan {
  creates: boolean; changes: { key: string; old?: string; new?: string }[]; consequences: { effect: string; keys: string[]; detail: string }[]; warnings: string[];
}
export interface ConfigKey {
  name: string; type: string; required: boolean; defaultValue: string; hasDefault: boolean; importance: string; documentation: string; group: string;
  orderInGroup: number; displayName: string; recommendedValues: string[]; unsupported: string;
}
export interface Plugin { class: string; type: string; version: string; aliases: string[] }
export interface Validation {
  name: string; errorCount: number;
  values: { key: ConfigKey; value?: string; errors: string[]; warnings: string[] }[];
  checks: { name: string; ok: boolean; detail: string; remedy: string }[];
}
/** Who uses the page: name and role (viewer, operator, admin) are empty while nobody is signed in. */
export interface Caller { name: string; role: string; session: boolean; ways: string[] }

/** A refused call: what admin said, in its own words. */
export class Refused extends Error {
  constructor(readonly status: number, message: string, readonly violations: { field: string; description: string }[] = []) {
    super(message);
  }
}

async function refusal(response: Response): Promise<Refused> {
  const text = await response.text();
  try {
    const body = JSON.parse(text);
    const details: { "@type"?: string; fieldViolations?: { field: string; description: string }[]; violations?: { subject: string; description: string }[] }[] = body.details ?? [];
    const violations = details.flatMap((d) => [...(d.fieldViolations ?? []), ...(d.violations ?? []).map((v) => ({ field: v.subject, description: v.description }))]);
    return new Refused(response.status, body.message ?? text, violations);
  } catch {
    return new Refused(response.status, text.trim().slice(0, 500) || `admin answered ${response.status}`);
  }
}

/** Asks admin, and returns its answer; throws Refused, or TypeError where admin cannot be reached. */
export async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? { Accept: "application/json" } : { Accept: "application/json", "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  });
  if (!response.ok) throw await refusal(response);
  const text = await response.text();
  return (text === "" ? {} : JSON.parse(text)) as T;
}

export const get = <T>(path: string, signal?: AbortSignal) => call<T>("GET", path, undefined, signal);

/** Calls each with every message of a stream, until it ends; throws as call does, and what the stream itself reports. */
export async function stream<T>(method: string, path: string, body: unknown, signal: AbortSignal, each: (message: T) => void): Promise<void> {
  const response = await fetch(path, {
    method, signal, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  if (!response.ok || !response.body) throw await refusal(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") continue;
      const message = JSON.parse(line) as { result?: T; error?: { message?: string } };
      if (message.error) throw new Refused(0, message.error.message ?? "the stream failed");
      if (message.result) each(message.result);
    }
  }
}

/** A name as a part of a path. */
export const part = encodeURIComponent;
