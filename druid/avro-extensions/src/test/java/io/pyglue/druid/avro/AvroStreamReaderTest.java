package io.pyglue.druid.avro;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.druid.data.input.ColumnsFilter;
import org.apache.druid.data.input.InputEntity;
import org.apache.druid.data.input.InputEntityReader;
import org.apache.druid.data.input.InputRow;
import org.apache.druid.data.input.InputRowListPlusRawValues;
import org.apache.druid.data.input.InputRowSchema;
import org.apache.druid.data.input.impl.ByteEntity;
import org.apache.druid.data.input.impl.DimensionsSpec;
import org.apache.druid.data.input.impl.TimestampSpec;
import org.apache.druid.guice.BuiltInTypesModule;
import org.apache.druid.java.util.common.parsers.CloseableIterator;
import org.apache.druid.java.util.common.parsers.JSONPathFieldSpec;
import org.apache.druid.java.util.common.parsers.JSONPathSpec;
import org.apache.druid.java.util.common.parsers.ParseException;
import org.apache.druid.segment.column.ColumnCapabilities;
import org.apache.druid.segment.incremental.IncrementalIndex;
import org.apache.druid.segment.incremental.IncrementalIndexSchema;
import org.apache.druid.segment.incremental.OnheapIncrementalIndex;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class AvroStreamReaderTest {
  private static final Schema EVENT =
      Records.schema(
          "{'type': 'record', 'name': 'Event', 'fields': [{'name': 'timestamp', 'type': 'long'},"
              + "{'name': 'first', 'type': 'boolean'}, {'name': 'width', 'type': ['null', 'int']},"
              + "{'name': 'score', 'type': 'double'}, {'name': 'name', 'type': ['null', 'string']},"
              + "{'name': 'tags', 'type': {'type': 'array', 'items': 'string'}},"
              + "{'name': 'numbers', 'type': {'type': 'array', 'items': 'long'}},"
              + "{'name': 'place', 'type': {'type': 'record', 'name': 'Place', 'fields': ["
              + "{'name': 'city', 'type': 'string'}, {'name': 'codes', 'type': {'type': 'array', 'items': 'int'}}]}},"
              + "{'name': 'more', 'type': {'type': 'map', 'values': 'string'}}]}");
  private static final long TIME = 1_700_000_000_123L;
  private static final TimestampSpec TIMESTAMP = new TimestampSpec("timestamp", "millis", null);

  private static byte[] event(long time, String name) {
    return Records.written(
        EVENT,
        time,
        true,
        1024,
        0.5,
        name,
        List.of("a", "b"),
        List.of(1L, 2L),
        Records.record(EVENT.getField("place").schema(), "Köln", List.of(50667, 50668)),
        Map.of("k.1", "v"));
  }

  private static AvroStreamInputFormat format(JSONPathFieldSpec... fields) {
    JSONPathSpec flatten = fields.length == 0 ? null : new JSONPathSpec(true, List.of(fields));
    return new AvroStreamInputFormat(flatten, Records.inline(EVENT), null, null);
  }

  private static InputEntityReader reader(AvroStreamInputFormat format, DimensionsSpec dimensions, InputEntity source) {
    return format.createReader(new InputRowSchema(TIMESTAMP, dimensions, ColumnsFilter.all()), source, null);
  }

  private static List<InputRow> rows(InputEntityReader reader) throws IOException {
    List<InputRow> rows = new ArrayList<>();
    try (CloseableIterator<InputRow> iterator = reader.read()) {
      iterator.forEachRemaining(rows::add);
    }
    return rows;
  }

  private static InputRow row(AvroStreamInputFormat format) throws IOException {
    return rows(reader(format, DimensionsSpec.EMPTY, new ByteEntity(event(TIME, "n")))).get(0);
  }

  /** Where the indexing service puts one message after the other under one reader. */
  private static final class Mailbox implements InputEntity {
    byte[] message;
    int atOnce = Integer.MAX_VALUE;

    @Override
    public URI getUri() {
      return null;
    }

    @Override
    public InputStream open() {
      return new ByteArrayInputStream(message) {
        @Override
        public synchronized int available() {
          return Math.min(super.available(), atOnce);
        }
      };
    }
  }

  @Test
  @DisplayName("A record is a row at its time stamp, and without named dimensions its flat fields are the dimensions.")
  void readsARow() throws IOException {
    InputRow row = row(format());
    assertEquals(TIME, row.getTimestampFromEpoch());
    assertEquals(List.of("first", "width", "score", "name", "tags", "numbers"), row.getDimensions());
    assertEquals(true, row.getRaw("first"));
    assertEquals(1024L, row.getRaw("width"));
    assertEquals(List.of("a", "b"), row.getDimension("tags"));
    assertEquals(TIME, row.getRaw("timestamp"));
    assertNull(row.getRaw("unknown"));
  }

  @Test
  @DisplayName("Named dimensions are taken as they are named, the time stamp's own field among them.")
  void readsNamedDimensions() throws IOException {
    DimensionsSpec named = new DimensionsSpec(DimensionsSpec.getDefaultSchemas(List.of("timestamp", "name")));
    InputRow row = rows(reader(format(), named, new ByteEntity(event(TIME, null)))).get(0);
    assertEquals(List.of("timestamp", "name"), row.getDimensions());
    assertEquals(TIME, row.getRaw("timestamp"));
    assertNull(row.getRaw("name"));
  }

  @Test
  @DisplayName("One reader reads message after message, each in full, however the source hands out its bytes.")
  void readsManyMessages() throws IOException {
    Mailbox mailbox = new Mailbox();
    InputEntityReader reader = reader(format(), DimensionsSpec.EMPTY, mailbox);
    for (int i = 0; i < 50; i++) {
      mailbox.message = event(TIME + i, "name " + i);
      mailbox.atOnce = i;
      List<InputRow> rows = rows(reader);
      assertEquals(1, rows.size());
      assertEquals(TIME + i, rows.get(0).getTimestampFromEpoch());
      assertEquals("name " + i, rows.get(0).getRaw("name"));
    }
  }

  @Test
  @DisplayName("A buffer is read from its position to its limit, and left as it was.")
  void readsPartsOfBuffers() throws IOException {
    byte[] event = event(TIME, "n");
    ByteBuffer direct = ByteBuffer.allocateDirect(event.length + 20);
    direct.position(10);
    direct.put(event).limit(10 + event.length).position(10);
    InputEntityReader reader = reader(format(), DimensionsSpec.EMPTY, new ByteEntity(direct));
    assertEquals("n", rows(reader).get(0).getRaw("name"));
    assertEquals("n", rows(reader).get(0).getRaw("name"));
    assertEquals(10, direct.position());
  }

  @Test
  @DisplayName("A message that is no record is one parse exception with the message in base64, and the next one is read.")
  void countsBadMessages() throws IOException {
    Mailbox mailbox = new Mailbox();
    InputEntityReader reader = reader(format(), DimensionsSpec.EMPTY, mailbox);
    byte[] good = event(TIME, "n");
    for (byte[] bad : List.of(new byte[0], Arrays.copyOf(good, 5), Arrays.copyOf(good, good.length + 1))) {
      mailbox.message = bad;
      ParseException refusal = assertThrows(ParseException.class, () -> rows(reader));
      assertEquals(Base64.getEncoder().encodeToString(bad), refusal.getInput());
      assertTrue(refusal.getMessage().startsWith("Not an Avro record of this schema: "), refusal.getMessage());
      assertFalse(refusal.isFromPartiallyValidRow());
    }
    mailbox.message = good;
    assertEquals(1, rows(reader).size());
  }

  @Test
  @DisplayName("Of a long bad message the first 4096 bytes are kept: many of them must fit a small heap.")
  void shortensWhatItKeeps() {
    byte[] bad = new byte[1_000_000];
    bad[8] = 7;
    InputEntityReader reader = reader(format(), DimensionsSpec.EMPTY, new ByteEntity(bad));
    ParseException refusal = assertThrows(ParseException.class, () -> rows(reader));
    assertEquals(4096, Base64.getDecoder().decode(refusal.getInput()).length);
  }

  @Test
  @DisplayName("A record whose time stamp is out of all bounds is a parse exception.")
  void refusesImpossibleTimes() {
    InputEntityReader reader = reader(format(), DimensionsSpec.EMPTY, new ByteEntity(event(Long.MAX_VALUE, "n")));
    assertThrows(ParseException.class, () -> rows(reader));
  }

  @Test
  @DisplayName("The sampler gets the whole record beside the row, and of a bad message the reason.")
  void samples() throws IOException {
    InputRowListPlusRawValues good = sample(event(TIME, "n"));
    assertNull(good.getParseException());
    assertEquals(1, good.getInputRows().size());
    Map<String, Object> raw = good.getRawValuesList().get(0);
    assertEquals(9, raw.size());
    assertEquals(Map.of("city", "Köln", "codes", List.of(50667L, 50668L)), raw.get("place"));
    InputRowListPlusRawValues bad = sample(new byte[] {1});
    assertNotNull(bad.getParseException());
    assertNull(bad.getInputRows());
  }

  private static InputRowListPlusRawValues sample(byte[] message) throws IOException {
    try (CloseableIterator<InputRowListPlusRawValues> samples =
        reader(format(), DimensionsSpec.EMPTY, new ByteEntity(message)).sample()) {
      return samples.next();
    }
  }

  @Test
  @DisplayName("A flattenSpec's root, path, jq and tree fields reach into records, maps and arrays.")
  void flattens() throws IOException {
    InputRow row =
        row(
            format(
                JSONPathFieldSpec.createRootField("name"),
                JSONPathFieldSpec.createNestedField("city", "$.place.city"),
                JSONPathFieldSpec.createNestedField("code", "$.place.codes[1]"),
                JSONPathFieldSpec.createNestedField("codes", "$.place.codes[*]"),
                JSONPathFieldSpec.createNestedField("howMany", "$.place.codes.length()"),
                JSONPathFieldSpec.createNestedField("dotted", "$.more['k.1']"),
                JSONPathFieldSpec.createNestedField("anywhere", "$..city"),
                JSONPathFieldSpec.createNestedField("whereverItIs", "$.*.city"),
                JSONPathFieldSpec.createNestedField("absent", "$.place.street"),
                JSONPathFieldSpec.createNestedField("tooDeep", "$.place.city.part"),
                JSONPathFieldSpec.createNestedField("filtered", "$.numbers[?(@ > 1)]"),
                JSONPathFieldSpec.createJqField("jq", ".place.codes[0] + 1"),
                JSONPathFieldSpec.createTreeField("tree", List.of("place", "city")),
                JSONPathFieldSpec.createTreeField("noTree", List.of("place", "city", "part"))));
    assertEquals("n", row.getRaw("name"));
    assertEquals("Köln", row.getRaw("city"));
    assertEquals(50668L, row.getRaw("code"));
    assertEquals(List.of(50667L, 50668L), row.getRaw("codes"));
    assertEquals(2, row.getRaw("howMany"));
    assertEquals("v", row.getRaw("dotted"));
    assertEquals(List.of("Köln"), row.getRaw("anywhere"));
    assertEquals(List.of("Köln"), row.getRaw("whereverItIs"));
    assertNull(row.getRaw("absent"));
    assertNull(row.getRaw("tooDeep"));
    assertEquals(List.of(2L), row.getRaw("filtered"));
    assertEquals(50668L, row.getRaw("jq"));
    assertEquals("Köln", row.getRaw("tree"));
    assertNull(row.getRaw("noTree"));
    assertTrue(row.getDimensions().containsAll(List.of("width", "city", "jq", "tree")));
  }

  @Test
  @DisplayName("A jq expression that fails on a record is a parse exception, not the end of the task.")
  void survivesFailingJq() throws IOException {
    InputRow row = row(format(JSONPathFieldSpec.createJqField("jq", ".name + 1")));
    assertThrows(ParseException.class, () -> row.getRaw("jq"));
  }

  @Test
  @DisplayName("With schema discovery, Druid finds longs, doubles, strings, arrays and nested values by themselves.")
  void discoversTypes() throws IOException {
    BuiltInTypesModule.registerHandlersAndSerde();
    DimensionsSpec discovery = DimensionsSpec.builder().useSchemaDiscovery(true).build();
    IncrementalIndexSchema schema =
        new IncrementalIndexSchema.Builder()
            .withTimestampSpec(TIMESTAMP)
            .withDimensionsSpec(discovery)
            .withRollup(false)
            .build();
    try (IncrementalIndex index =
        new OnheapIncrementalIndex.Builder().setIndexSchema(schema).setMaxRowCount(10).build()) {
      index.add(rows(reader(format(), discovery, new ByteEntity(event(TIME, "n")))).get(0));
      assertEquals("LONG", type(index, "first"));
      assertEquals("LONG", type(index, "width"));
      assertEquals("DOUBLE", type(index, "score"));
      assertEquals("STRING", type(index, "name"));
      assertEquals("ARRAY<STRING>", type(index, "tags"));
      assertEquals("ARRAY<LONG>", type(index, "numbers"));
      assertEquals("COMPLEX<json>", type(index, "place"));
      assertEquals("COMPLEX<json>", type(index, "more"));
    }
  }

  private static String type(IncrementalIndex index, String column) {
    ColumnCapabilities capabilities = index.getColumnCapabilities(column);
    assertNotNull(capabilities, column);
    return capabilities.toColumnType().asTypeString();
  }
}
