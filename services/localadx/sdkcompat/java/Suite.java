import com.microsoft.azure.kusto.data.Client;
import com.microsoft.azure.kusto.data.ClientFactory;
import com.microsoft.azure.kusto.data.ClientRequestProperties;
import com.microsoft.azure.kusto.data.KustoResultSetTable;
import com.microsoft.azure.kusto.data.auth.ConnectionStringBuilder;
import com.microsoft.azure.kusto.data.exceptions.DataServiceException;
import com.microsoft.azure.kusto.ingest.IngestClient;
import com.microsoft.azure.kusto.ingest.IngestClientFactory;
import com.microsoft.azure.kusto.ingest.IngestionMapping;
import com.microsoft.azure.kusto.ingest.IngestionProperties;
import com.microsoft.azure.kusto.ingest.ManagedStreamingIngestClient;
import com.microsoft.azure.kusto.ingest.StreamingIngestClient;
import com.microsoft.azure.kusto.ingest.result.IngestionResult;
import com.microsoft.azure.kusto.ingest.result.IngestionStatus;
import com.microsoft.azure.kusto.ingest.result.OperationStatus;
import com.microsoft.azure.kusto.ingest.source.StreamSourceInfo;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;

/** Runs the unmodified Java SDK against localadx at LOCALADX_URL; exits with an error at the first difference. */
public class Suite {
    static final String URL = System.getenv("LOCALADX_URL");
    static final String DATABASE = "shop";
    static final String TABLE = "Java" + (URL.startsWith("https") ? "Tls" : "");
    static Client client;

    static ConnectionStringBuilder connection() {
        return URL.startsWith("https")
                ? ConnectionStringBuilder.createWithAadAccessTokenAuthentication(URL, "token")
                : new ConnectionStringBuilder(URL);
    }

    static void equal(String what, Object got, Object want) {
        if (!Objects.equals(got, want)) {
            throw new AssertionError(what + ": got " + got + ", want " + want);
        }
    }

    static KustoResultSetTable query(String text) throws Exception {
        KustoResultSetTable table = client.executeQuery(DATABASE, text).getPrimaryResults();
        table.next();
        return table;
    }

    static long count() throws Exception {
        return query(TABLE + " | count").getLong(0);
    }

    static void eventually(String what, Callable<Boolean> holds) throws Exception {
        long deadline = System.currentTimeMillis() + 30_000;
        while (!holds.call()) {
            if (System.currentTimeMillis() > deadline) {
                throw new AssertionError(what + ": did not come about");
            }
            Thread.sleep(100);
        }
    }

    static StreamSourceInfo data(int first, int n) {
        StringBuilder text = new StringBuilder();
        for (int i = first; i < first + n; i++) {
            text.append("{\"id\":").append(i).append(",\"name\":\"n").append(i).append("\"}\n");
        }
        return new StreamSourceInfo(new ByteArrayInputStream(text.toString().getBytes(StandardCharsets.UTF_8)));
    }

    static IngestionProperties properties() {
        IngestionProperties properties = new IngestionProperties(DATABASE, TABLE);
        properties.setDataFormat(IngestionProperties.DataFormat.JSON);
        properties.setIngestionMapping("m", IngestionMapping.IngestionMappingKind.JSON);
        return properties;
    }

    /** The service may ingest a message twice, and may fail one whose rows it has. With a tag it drops what it has. */
    static IngestionProperties once(String tag) {
        IngestionProperties properties = properties();
        properties.setIngestByTags(List.of(tag));
        properties.setIngestIfNotExists(List.of(tag));
        return properties;
    }

    static IngestionStatus ended(IngestionResult result) throws Exception {
        eventually("the status table says how it ended", () -> result.getIngestionStatusCollection().get(0).status != OperationStatus.Pending);
        return result.getIngestionStatusCollection().get(0);
    }

    public static void main(String[] args) throws Exception {
        client = ClientFactory.createClient(connection());
        client.executeMgmt(DATABASE, ".create table " + TABLE + " (id: long, name: string)");
        client.executeMgmt(DATABASE, ".create table " + TABLE + " ingestion json mapping 'm' '[{\"column\":\"id\",\"Properties\":{\"Path\":\"$.id\"}},{\"column\":\"name\",\"Properties\":{\"Path\":\"$.name\"}}]'");
        client.executeMgmt(DATABASE, ".alter table " + TABLE + " policy streamingingestion enable");
        client.executeMgmt(DATABASE, ".clear table " + TABLE + " cache streamingingestion schema");

        try (IngestClient queued = IngestClientFactory.createClient(connection())) {
            queued.ingestFromStream(data(0, 10), once("first"));
            eventually("queued rows arrive", () -> count() == 10);

            IngestionProperties tracked = once("tracked");
            tracked.setReportLevel(IngestionProperties.IngestionReportLevel.FAILURES_AND_SUCCESSES);
            tracked.setReportMethod(IngestionProperties.IngestionReportMethod.TABLE);
            IngestionStatus end = ended(queued.ingestFromStream(data(10, 10), tracked));
            for (int tries = 0; "General_RetryAttemptsExceeded".equals(end.errorCodeString) && tries < 5; tries++) {
                end = ended(queued.ingestFromStream(data(10, 10), tracked));
            }
            if (end.status != OperationStatus.Succeeded && end.status != OperationStatus.Skipped && !"Skipped_IngestByTagAlreadyExists".equals(end.errorCodeString)) {
                throw new AssertionError("the status: " + end.status + ", " + end.errorCodeString);
            }
        }
        try (StreamingIngestClient streaming = IngestClientFactory.createStreamingIngestClient(connection())) {
            streaming.ingestFromStream(data(20, 10), properties());
            equal("rows after streaming", count(), 30L);
        }
        try (ManagedStreamingIngestClient managed = IngestClientFactory.createManagedStreamingIngestClient(connection(), connection())) {
            managed.ingestFromStream(data(30, 10), properties());
            eventually("managed rows arrive", () -> count() == 40);
        }

        KustoResultSetTable types = query("print b=true, i=int(-7), l=9223372036854775807, r=1.5, m=decimal(12.34), s='ä', d=datetime(2026-01-02T03:04:05.123Z),"
                + " p=time(1.02:03:04), g=guid(74be27de-1e4e-49d9-b579-fe0b331d3642), j=dynamic({'a':[1]}), n=long(null)");
        equal("bool", types.getBoolean("b"), true);
        equal("int", types.getInt("i"), -7);
        equal("long", types.getLong("l"), Long.MAX_VALUE);
        equal("real", types.getDouble("r"), 1.5);
        equal("decimal", types.getBigDecimal("m").doubleValue(), 12.34);
        equal("string", types.getString("s"), "ä");
        equal("datetime", types.getKustoDateTime("d").toString(), "2026-01-02T03:04:05.123");
        equal("guid", types.getUUID("g").toString(), "74be27de-1e4e-49d9-b579-fe0b331d3642");
        equal("dynamic", types.getJSONObject("j").toString(), "{\"a\":[1]}");
        equal("null", types.getLongObject("n"), null);

        ClientRequestProperties parameters = new ClientRequestProperties();
        parameters.setParameter("wanted", "n7");
        KustoResultSetTable found = client.executeQuery(DATABASE, "declare query_parameters(wanted: string); " + TABLE + " | where name == wanted | project id", parameters).getPrimaryResults();
        found.next();
        equal("parameters", found.getLong(0), 7L);

        try {
            client.executeQuery(DATABASE, "Nope | count");
            throw new AssertionError("an unknown table is no error");
        } catch (DataServiceException e) {
            equal("permanent", e.isPermanent(), true);
        }
        System.out.println("java: all right");
        System.exit(0);
    }
}
