import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.*;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.runtime.ConnectMetrics;
import org.apache.kafka.connect.runtime.ConnectorConfig;
import org.apache.kafka.connect.runtime.TransformationStage;
import org.apache.kafka.connect.runtime.isolation.Plugins;
import org.apache.kafka.connect.runtime.standalone.StandaloneConfig;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.util.ConnectorTaskId;

// Answers what a transform of Kafka Connect or Debezium makes of a record. A question is a line of JSON: class, config, and the record's
// key, value and headers as JsonConverter reads them; "of" is its topic if not t, "first" the value of a record that the same transform sees before. The answer
// is a line of JSON as well: the error, that the record is dropped, or the record as JsonConverter writes it, where a pair is schema and
// payload; of a header also the text that SimpleHeaderConverter writes. The class "chain" has the settings of a connector as its config, of
// which Connect's own runtime makes the steps.
class Answer {
    static final ObjectMapper json = new ObjectMapper();
    static final SimpleHeaderConverter headers = new SimpleHeaderConverter();

    static JsonConverter converter(boolean schemas) {
        JsonConverter c = new JsonConverter();
        c.configure(Map.of("schemas.enable", String.valueOf(schemas), "replace.null.with.default", "false", "converter.type", "value"), false);
        return c;
    }

    static final JsonConverter withSchema = converter(true), withoutSchema = converter(false);

    static SchemaAndValue read(JsonNode text, boolean schemas) {
        if (text == null || text.isNull()) return SchemaAndValue.NULL;
        return (schemas ? withSchema : withoutSchema).toConnectData("t", text.asText().getBytes(StandardCharsets.UTF_8));
    }

    static JsonNode written(Schema schema, Object value) throws IOException {
        if (schema == null) {
            byte[] text = withoutSchema.fromConnectData("t", null, value);
            return json.getNodeFactory().textNode(text == null ? "null" : new String(text, StandardCharsets.UTF_8));
        }
        String whole = new String(withSchema.fromConnectData("t", schema, value), StandardCharsets.UTF_8);
        int payload = whole.indexOf(",\"payload\":", 10 + withSchema.asJsonSchema(schema).toString().length());
        ArrayNode pair = json.createArrayNode();
        pair.add(whole.substring("{\"schema\":".length(), payload));
        pair.add(whole.substring(payload + ",\"payload\":".length(), whole.length() - 1));
        return pair;
    }

    // EventRouter takes records of sources only.
    static ConnectRecord<?> record(JsonNode question, JsonNode value) {
        boolean schemas = question.path("schema").asBoolean();
        SchemaAndValue k = read(question.get("key"), schemas), v = read(value, schemas);
        String topic = question.path("of").asText("t");
        ConnectRecord<?> r = question.get("class").asText().endsWith(".EventRouter") || question.get("config").toString().contains(".EventRouter\"")
            ? new SourceRecord(Map.of(), Map.of(), topic, 3, k.schema(), k.value(), v.schema(), v.value(), 1600000000123L)
            : new SinkRecord(topic, 3, k.schema(), k.value(), v.schema(), v.value(), 9, 1600000000123L, TimestampType.CREATE_TIME);
        for (JsonNode h : question.path("headers")) r.headers().add(h.get(0).asText(), read(h.get(1), true));
        return r;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    static ObjectNode answer(JsonNode question) {
        ObjectNode a = json.createObjectNode();
        try {
            if (question.get("class").asText().equals("chain")) return answer(a, chain(question));
            var transform = (Transformation) Class.forName(question.get("class").asText()).getConstructor().newInstance();
            transform.configure(json.convertValue(question.get("config"), Map.class));
            if (question.hasNonNull("first")) transform.apply(record(question, question.get("first")));
            return answer(a, (ConnectRecord<?>) transform.apply(record(question, question.get("value"))));
        } catch (Throwable e) {
            return json.createObjectNode().put("error", true).put("said", String.valueOf(e.getMessage()));
        }
    }

    static Plugins plugins;
    static ConnectMetrics metrics;

    @SuppressWarnings({"unchecked", "rawtypes"})
    static ConnectRecord<?> chain(JsonNode question) {
        if (plugins == null) {
            plugins = new Plugins(Map.of("plugin.discovery", "service_load"));
            String converter = JsonConverter.class.getName();
            metrics = new ConnectMetrics("w", new StandaloneConfig(Map.of("bootstrap.servers", "localhost:1", "key.converter", converter,
                "value.converter", converter, "offset.storage.file.filename", "/dev/null")), Time.SYSTEM, "c");
        }
        Map<String, String> settings = new HashMap<>(json.convertValue(question.get("config"), Map.class));
        settings.put("name", "c");
        settings.put("connector.class", "c");
        ConnectorConfig config = new ConnectorConfig(plugins, settings);
        ConnectRecord r = record(question, question.get("value"));
        for (var stage : config.transformationStages(plugins, new ConnectorTaskId("c", 0), metrics)) {
            if (r != null) r = ((TransformationStage) stage).apply(r);
            stage.close();
        }
        return r;
    }

    static ObjectNode answer(ObjectNode a, ConnectRecord<?> r) throws IOException {
        if (r == null) return a.put("dropped", true);
        a.put("topic", r.topic());
        int partition = r.kafkaPartition() == null ? -1 : r.kafkaPartition();
        if (partition != 3) a.put("partition", partition);
        if (r.timestamp() == null || r.timestamp() != 1600000000123L) a.put("timestamp", r.timestamp());
        a.set("keyIs", written(r.keySchema(), r.key()));
        a.set("valueIs", written(r.valueSchema(), r.value()));
        ArrayNode all = json.createArrayNode();
        for (Header h : r.headers()) {
            byte[] text = headers.fromConnectHeader("t", h.key(), h.schema(), h.value());
            all.add(json.createArrayNode().add(h.key()).add(written(h.schema(), h.value())).add(text == null ? null : new String(text, StandardCharsets.UTF_8)));
        }
        if (!all.isEmpty()) a.set("headersAre", all);
        return a;
    }

    public static void main(String[] args) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        for (String line; (line = in.readLine()) != null; ) out.println(json.writeValueAsString(answer(json.readTree(line))));
    }
}
