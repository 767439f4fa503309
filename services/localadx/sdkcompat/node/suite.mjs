// Runs the unmodified Node SDK against localadx at LOCALADX_URL; exits with an error at the first difference.
import { Readable } from "node:stream";
import { isDeepStrictEqual } from "node:util";
import { Client, ClientRequestProperties, KustoConnectionStringBuilder } from "azure-kusto-data";
import { DataFormat, IngestClient, IngestionProperties, ManagedStreamingIngestClient, ReportLevel, ReportMethod, StreamingIngestClient } from "azure-kusto-ingest";

const url = process.env.LOCALADX_URL;
const database = "shop";
const secure = url.startsWith("https");
const table = "Node" + (secure ? "Tls" : "");
const connection = () => (secure ? KustoConnectionStringBuilder.withAccessToken(url, "token") : new KustoConnectionStringBuilder(url));
const client = new Client(connection());

function equal(what, got, want) {
    if (!isDeepStrictEqual(got, want)) throw new Error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

async function rows(query, properties) {
    const answer = await client.execute(database, query, properties);
    return [...answer.primaryResults[0].rows()].map((row) => row.toJSON());
}

async function eventually(what, holds) {
    const deadline = Date.now() + 30_000;
    while (!(await holds())) {
        if (Date.now() > deadline) throw new Error(`${what}: did not come about; failures: ${JSON.stringify(await rows(".show ingestion failures | project Details, ErrorCode"))}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}

const data = (first, n) => Readable.from(Array.from({ length: n }, (_, i) => `{"id":${first + i},"name":"n${first + i}"}\n`).join(""), { objectMode: false });
const count = async () => (await rows(`${table} | count`))[0].Count;

await client.execute(database, `.create table ${table} (id: long, name: string)`);
await client.execute(database, `.create table ${table} ingestion json mapping 'm' '[{"column":"id","Properties":{"Path":"$.id"}},{"column":"name","Properties":{"Path":"$.name"}}]'`);
await client.execute(database, `.alter table ${table} policy streamingingestion enable`);
await client.execute(database, `.clear table ${table} cache streamingingestion schema`);

const properties = (extra) => new IngestionProperties({ database, table, format: DataFormat.JSON, ingestionMappingReference: "m", ...extra });
// The service may ingest a message twice, and may fail one whose rows it has. With a tag it drops what it has.
const once = (tag, extra) => properties({ ingestByTags: [tag], ingestIfNotExists: [tag], ...extra });

// The queued client's factories want the host ingest-…; the constructor takes any.
const queued = new IngestClient(connection(), properties());
await queued.ingestFromStream(data(0, 10), once("first"));
await eventually("queued rows arrive", async () => (await count()) === 10);

let state, code, tries = 0;
do {
    const tracked = await queued.ingestFromStream(data(10, 10), once("tracked", { reportLevel: ReportLevel.FailuresAndSuccesses, reportMethod: ReportMethod.Table }));
    await eventually("the status table says how it ended", async () => {
        const status = await tracked.getIngestionStatusCollection();
        ({ Status: state, ErrorCode: code } = status[0] ?? status);
        return state !== "Pending";
    });
} while (code === "General_RetryAttemptsExceeded" && ++tries < 5);
if (state !== "Succeeded" && state !== "Skipped" && code !== "Skipped_IngestByTagAlreadyExists") throw new Error(`the status: ${state}, ${code}`);

const streaming = new StreamingIngestClient(connection(), properties());
await streaming.ingestFromStream(data(20, 10), properties());
equal("rows after streaming", await count(), 30);

const managed = new ManagedStreamingIngestClient(connection(), connection(), properties());
await managed.ingestFromStream(data(30, 10), properties());
await eventually("managed rows arrive", async () => (await count()) === 40);

const [types] = await rows(
    "print b=true, i=int(-7), l=42, r=1.5, m=decimal(12.34), s='ä', d=datetime(2026-01-02T03:04:05.123Z), p=time(1.02:03:04), g=guid(74be27de-1e4e-49d9-b579-fe0b331d3642), j=dynamic({'a':[1]}), n=long(null)",
);
equal("bool, int, long, real, string", [types.b, types.i, types.l, types.r, types.s], [true, -7, 42, 1.5, "ä"]);
equal("decimal", Number(types.m), 12.34);
equal("datetime", new Date(types.d).toISOString(), "2026-01-02T03:04:05.123Z");
equal("timespan", types.p, ((26 * 60 + 3) * 60 + 4) * 1000);
equal("guid", types.g, "74be27de-1e4e-49d9-b579-fe0b331d3642");
equal("dynamic", types.j, { a: [1] });
equal("null", types.n, null);

const v1 = await client.executeQueryV1(database, "print x=1");
equal("v1", [...v1.primaryResults[0].rows()].map((row) => row.toJSON()), [{ x: 1 }]);

const parameters = new ClientRequestProperties();
parameters.setParameter("wanted", "n7");
equal("parameters", await rows(`declare query_parameters(wanted: string); ${table} | where name == wanted | project id`, parameters), [{ id: 7 }]);

try {
    await client.execute(database, "Nope | count");
    throw new Error("an unknown table is no error");
} catch (e) {
    const detail = e.response?.data?.error ?? JSON.parse(e.response?.data ?? "{}").error;
    if (!detail) throw e;
    equal("the code", detail.code, "General_BadRequest");
    equal("permanent", detail["@permanent"], true);
}

console.log("node: all right");
process.exit(0);
