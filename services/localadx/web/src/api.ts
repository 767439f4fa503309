// The page speaks to localadx by the same two endpoints as any Kusto client: POST /v2/rest/query and /v1/rest/mgmt.

export type ColumnType =
  | "bool" | "datetime" | "decimal" | "dynamic" | "guid" | "int" | "long" | "real" | "string" | "timespan";

export interface Column { name: string; type: ColumnType }

export type Value = string | number | boolean | null | object;

export interface Table { columns: Column[]; rows: Value[][] }

/** What the render operator asked for (the Visualization property of a v2 answer); null without render. */
export interface Visualization {
  Visualization: string | null;
  Title: string | null;
  XColumn: string | null;
  YColumns: string | null;
  Series: string | null;
  Kind: string | null;
  XTitle: string | null;
  YTitle: string | null;
  Legend: string | null;
  YAxis: string | null;
  Ymin: number | string | null;
  Ymax: number | string | null;
}

export interface Answer { table: Table; visualization: Visualization | null; milliseconds: number }

/** A refused query or command; position counts from 0 in the query text, -1 where Kusto gave none. */
export class KustoError extends Error {
  constructor(message: string, readonly code: string, readonly line: number, readonly column: number) {
    super(message);
  }
}

interface ErrorBody { error?: { code?: string; message?: string; "@message"?: string } }

// Kusto writes where a query is wrong into the message: [line:position=3:12], both from 1 and from 0 respectively.
const positionPattern = /\[line:position=(\d+):(\d+)\]/;

function kustoError(status: number, body: string): KustoError {
  let code = `HTTP ${status}`;
  let message = body;
  try {
    const parsed = JSON.parse(body) as ErrorBody;
    code = parsed.error?.code ?? code;
    message = parsed.error?.["@message"] ?? parsed.error?.message ?? body;
  } catch {
    // Not JSON: show what was said.
  }
  const at = positionPattern.exec(message);
  return new KustoError(message, code, at ? Number(at[1]) : -1, at ? Number(at[2]) : -1);
}

async function post(path: string, db: string, csl: string, signal?: AbortSignal): Promise<unknown> {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json; charset=utf-8", Accept: "application/json" },
    body: JSON.stringify({ db, csl }),
    signal: signal ?? null,
  });
  const text = await response.text();
  if (!response.ok) throw kustoError(response.status, text);
  return JSON.parse(text);
}

interface V2Frame {
  FrameType: string;
  TableKind?: string;
  Columns?: { ColumnName: string; ColumnType: ColumnType }[];
  Rows?: (Value[] | { OneApiErrors?: { error: { "@message"?: string; message: string; code: string } }[] })[];
  HasErrors?: boolean;
  OneApiErrors?: { error: { "@message"?: string; message: string; code: string } }[];
}

/** Runs a query and returns its first result with what render asked for. */
export async function query(db: string, csl: string, signal?: AbortSignal): Promise<Answer> {
  const started = performance.now();
  const frames = (await post("/v2/rest/query", db, csl, signal)) as V2Frame[];
  const failure = frames.find((f) => f.FrameType === "DataSetCompletion" && f.HasErrors)?.OneApiErrors?.[0]?.error;
  if (failure) throw new KustoError(failure["@message"] ?? failure.message, failure.code, -1, -1);
  const primary = frames.find((f) => f.TableKind === "PrimaryResult");
  const properties = frames.find((f) => f.TableKind === "QueryProperties");
  let visualization: Visualization | null = null;
  for (const row of properties?.Rows ?? []) {
    if (Array.isArray(row) && row[1] === "Visualization") {
      const parsed = (typeof row[2] === "string" ? JSON.parse(row[2]) : row[2]) as Visualization;
      if (parsed.Visualization) visualization = parsed;
    }
  }
  return {
    table: {
      columns: (primary?.Columns ?? []).map((c) => ({ name: c.ColumnName, type: c.ColumnType })),
      rows: (primary?.Rows ?? []).filter(Array.isArray) as Value[][],
    },
    visualization,
    milliseconds: performance.now() - started,
  };
}

interface V1Body {
  Tables: { Columns: { ColumnName: string; ColumnType?: ColumnType; DataType?: string }[]; Rows: Value[][] }[];
}

/** Runs a management command and returns its first table. */
export async function command(db: string, csl: string, signal?: AbortSignal): Promise<Answer> {
  const started = performance.now();
  const body = (await post("/v1/rest/mgmt", db, csl, signal)) as V1Body;
  const first = body.Tables[0];
  return {
    table: {
      columns: (first?.Columns ?? []).map((c) => ({ name: c.ColumnName, type: c.ColumnType ?? "string" })),
      rows: first?.Rows ?? [],
    },
    visualization: null,
    milliseconds: performance.now() - started,
  };
}

/** Runs text as a command if it starts with a dot (comments apart), else as a query: what the editor's Run does. */
export function run(db: string, csl: string, signal?: AbortSignal): Promise<Answer> {
  const bare = csl.replace(/^(\s|\/\/[^\n]*\n)*/, "");
  return bare.startsWith(".") ? command(db, csl, signal) : query(db, csl, signal);
}

export interface SchemaTable { name: string; columns: Column[] }
export interface SchemaDatabase { name: string; tables: SchemaTable[]; functions: string[] }

interface SchemaJson {
  Databases: Record<string, {
    Name: string;
    Tables: Record<string, { Name: string; OrderedColumns: { Name: string; CslType: ColumnType }[] }>;
    Functions?: Record<string, { Name: string }>;
  }>;
}

const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);

/** Reads all databases with their tables and columns. */
export async function schema(): Promise<SchemaDatabase[]> {
  const names = await command("NetDefaultDB", ".show databases");
  const nameAt = names.table.columns.findIndex((c) => c.name === "DatabaseName");
  const databases = await Promise.all(names.table.rows.map(async (row) => {
    const name = String(row[nameAt]);
    const answer = await command(name, `.show database ['${name.replaceAll("'", "\\'")}'] schema as json`);
    const parsed = JSON.parse(String(answer.table.rows[0]?.[0] ?? "{}")) as SchemaJson;
    const found = parsed.Databases?.[name];
    return {
      name,
      tables: Object.values(found?.Tables ?? {}).map((t) => ({
        name: t.Name,
        columns: t.OrderedColumns.map((c) => ({ name: c.Name, type: c.CslType })),
      })).sort(byName),
      functions: Object.keys(found?.Functions ?? {}).sort(),
    };
  }));
  return databases.sort(byName);
}
