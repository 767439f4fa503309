"""Runs the unmodified Python SDK against localadx at LOCALADX_URL; exits with an error at the first difference."""

import datetime
import io
import os
import time
import uuid

from azure.kusto.data import ClientRequestProperties, KustoClient, KustoConnectionStringBuilder
from azure.kusto.data.exceptions import KustoApiError
from azure.kusto.ingest import (
    IngestionProperties,
    KustoStreamingIngestClient,
    ManagedStreamingIngestClient,
    QueuedIngestClient,
    ReportLevel,
    ReportMethod,
)
from azure.kusto.ingest.status import KustoIngestStatusQueues
from azure.kusto.data.data_format import DataFormat

URL = os.environ["LOCALADX_URL"]
DATABASE = "shop"
TABLE = "Python" + ("Tls" if URL.startswith("https") else "")
ROW = '{"id":%d,"name":"n%d"}\n'

connection = KustoConnectionStringBuilder.with_aad_application_token_authentication(URL, "token") if URL.startswith("https") else KustoConnectionStringBuilder(URL)
client = KustoClient(connection)


def equal(what, got, want):
    if got != want:
        raise SystemExit(f"{what}: got {got!r}, want {want!r}")


def rows(query, properties=None):
    return [list(row) for row in client.execute(DATABASE, query, properties).primary_results[0]]


def eventually(what, holds):
    deadline = time.time() + 30
    while not holds():
        if time.time() > deadline:
            failures = rows(".show ingestion failures | project Details, ErrorCode")
            raise SystemExit(f"{what}: did not come about; failures: {failures}")
        time.sleep(0.1)


def data(first, n):
    return io.BytesIO("".join(ROW % (i, i) for i in range(first, first + n)).encode())


def count():
    return rows(f"{TABLE} | count")[0][0]


client.execute(DATABASE, f".create table {TABLE} (id: long, name: string)")
client.execute(DATABASE, f""".create table {TABLE} ingestion json mapping 'm' '[{{"column":"id","Properties":{{"Path":"$.id"}}}},{{"column":"name","Properties":{{"Path":"$.name"}}}}]'""")
client.execute(DATABASE, f".alter table {TABLE} policy streamingingestion enable")
client.execute(DATABASE, f".clear table {TABLE} cache streamingingestion schema")
reported = dict(report_level=ReportLevel.FailuresAndSuccesses, report_method=ReportMethod.Queue)
properties = IngestionProperties(DATABASE, TABLE, data_format=DataFormat.JSON, ingestion_mapping_reference="m", **reported)
# The service may ingest a message twice, and may fail one whose rows it has. With a tag it drops what it has.
once = IngestionProperties(
    DATABASE, TABLE, data_format=DataFormat.JSON, ingestion_mapping_reference="m", ingest_by_tags=["first"], ingest_if_not_exists=["first"], **reported,
)

queued = QueuedIngestClient(connection)
statuses = KustoIngestStatusQueues(queued)


def code():
    """Waits for a report of how an ingestion ended; the error's code, None for success."""
    eventually("the end is reported", lambda: not statuses.success.is_empty() or not statuses.failure.is_empty())
    succeeded = not statuses.success.is_empty()
    message = (statuses.success if succeeded else statuses.failure).pop()[0]
    equal("the reported table", message.Table, TABLE)
    return None if succeeded else message.ErrorCode


for tries in range(5):
    queued.ingest_from_stream(data(0, 10), once)
    eventually("queued rows arrive", lambda: count() == 10)
    end = code()
    if end != "General_RetryAttemptsExceeded":
        break
if end not in (None, "Skipped_IngestByTagAlreadyExists"):
    raise SystemExit(f"the reported end is {end}")

broken = IngestionProperties(DATABASE, TABLE, data_format=DataFormat.MULTIJSON, **reported)
queued.ingest_from_stream(io.BytesIO(b'{"id":1}{'), broken)
equal("the reported error", code(), "BadRequest_InvalidBlob")

streaming = KustoStreamingIngestClient(connection)
streaming.ingest_from_stream(data(10, 10), properties)
equal("rows after streaming", count(), 20)

managed = ManagedStreamingIngestClient(connection, connection)
managed.ingest_from_stream(data(20, 10), properties)
eventually("managed rows arrive", lambda: count() == 30)

types = rows(
    "print b=true, i=int(-7), l=9223372036854775807, r=1.5, m=decimal(12.34), s='ä', d=datetime(2026-01-02T03:04:05.1234567Z),"
    " p=time(1.02:03:04), g=guid(74be27de-1e4e-49d9-b579-fe0b331d3642), j=dynamic({'a':[1]}), n=long(null)"
)[0]
equal("bool, int, long, real", types[:4], [True, -7, 9223372036854775807, 1.5])
equal("decimal", float(types[4]), 12.34)
equal("string", types[5], "ä")
equal("datetime", types[6].replace(microsecond=0), datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=types[6].tzinfo))
equal("timespan", types[7], datetime.timedelta(days=1, hours=2, minutes=3, seconds=4))
equal("guid", uuid.UUID(str(types[8])), uuid.UUID("74be27de-1e4e-49d9-b579-fe0b331d3642"))
equal("dynamic", types[9], {"a": [1]})
equal("null", types[10], None)

parameters = ClientRequestProperties()
parameters.set_parameter("wanted", "n7")
equal("parameters", rows(f"declare query_parameters(wanted: string); {TABLE} | where name == wanted | project id", parameters), [[7]])

try:
    client.execute(DATABASE, "Nope | count")
    raise SystemExit("an unknown table is no error")
except KustoApiError as e:
    equal("permanent", e.get_api_error().permanent, True)
    equal("the code", e.get_api_error().code, "General_BadRequest")

print("python: all right")
