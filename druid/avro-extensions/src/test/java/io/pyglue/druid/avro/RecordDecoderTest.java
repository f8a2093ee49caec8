package io.pyglue.druid.avro;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.avro.Conversions;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericEnumSymbol;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.util.RandomData;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class RecordDecoderTest {
  private static final String INNER =
      "{'type': 'record', 'name': 'Inner', 'namespace': 'a.b', 'fields': [{'name': 'x', 'type': 'int'},"
          + " {'name': 'y', 'type': ['null', 'string'], 'default': null}]}";
  private static final String COLOR = "{'type': 'enum', 'name': 'Color', 'namespace': 'a.b', 'symbols': ['RED', 'BLUE']}";
  private static final String THREE = "{'type': 'fixed', 'name': 'Three', 'namespace': 'a.b', 'size': 3}";

  static Stream<Arguments> everyType() {
    Schema inner = Records.schema(INNER);
    Schema color = Records.schema(COLOR);
    Schema three = Records.schema(THREE);
    String longText = "ü€𝄞 \u0000 ".repeat(500);
    return Stream.of(
        Arguments.of("'null'", null, null),
        Arguments.of("'boolean'", true, true),
        Arguments.of("'boolean'", false, false),
        Arguments.of("'int'", 0, 0L),
        Arguments.of("'int'", Integer.MIN_VALUE, (long) Integer.MIN_VALUE),
        Arguments.of("'int'", Integer.MAX_VALUE, (long) Integer.MAX_VALUE),
        Arguments.of("'long'", -1L, -1L),
        Arguments.of("'long'", Long.MIN_VALUE, Long.MIN_VALUE),
        Arguments.of("'long'", Long.MAX_VALUE, Long.MAX_VALUE),
        Arguments.of("'float'", 0.1f, 0.1f),
        Arguments.of("'float'", Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY),
        Arguments.of("'float'", Float.NaN, Float.NaN),
        Arguments.of("'double'", -1.0e-300, -1.0e-300),
        Arguments.of("'double'", Double.MAX_VALUE, Double.MAX_VALUE),
        Arguments.of("'string'", "", ""),
        Arguments.of("'string'", longText, longText),
        Arguments.of("'bytes'", Records.bytes(0, 255, 16), "AP8Q"),
        Arguments.of("'bytes'", Records.bytes(), ""),
        Arguments.of(THREE, new GenericData.Fixed(three, Records.raw(1, 2, 3)), "AQID"),
        Arguments.of(COLOR, new GenericData.EnumSymbol(color, "BLUE"), "BLUE"),
        Arguments.of("{'type': 'array', 'items': 'long'}", List.of(), List.of()),
        Arguments.of("{'type': 'array', 'items': 'long'}", Records.times(300, 7L), Records.times(300, 7L)),
        Arguments.of("{'type': 'array', 'items': ['null', 'string']}", Arrays.asList("a", null), Arrays.asList("a", null)),
        Arguments.of("{'type': 'array', 'items': 'null'}", Arrays.asList(null, null), Arrays.asList(null, null)),
        Arguments.of(
            "{'type': 'array', 'items': {'type': 'array', 'items': 'int'}}",
            List.of(List.of(1), List.of(), List.of(2, 3)),
            List.of(List.of(1L), List.of(), List.of(2L, 3L))),
        Arguments.of("{'type': 'map', 'values': 'double'}", Map.of("ä", 1.5), Map.of("ä", 1.5)),
        Arguments.of("{'type': 'map', 'values': 'null'}", Map.of(), Map.of()),
        Arguments.of(
            "{'type': 'map', 'values': " + INNER + "}",
            Map.of("k", Records.record(inner, 4, "z")),
            Map.of("k", Map.of("x", 4L, "y", "z"))),
        Arguments.of(INNER, Records.record(inner, 9, "w"), Map.of("x", 9L, "y", "w")),
        Arguments.of("['null', 'string']", null, null),
        Arguments.of("['null', 'string']", "s", "s"),
        Arguments.of("['string', 'null']", "s", "s"),
        Arguments.of("['int', 'string', " + INNER + "]", 5, 5L),
        Arguments.of("['int', 'string', " + INNER + "]", Records.record(inner, 9, "w"), Map.of("x", 9L, "y", "w")));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("everyType")
  @DisplayName("A value that Avro's own library wrote is read as the plain Java value that Druid expects, in blocks or not.")
  void readsEveryType(String type, Object written, Object expected) {
    Schema schema = Records.holding(type);
    GenericRecord record = Records.record(schema, written);
    for (boolean blocking : new boolean[] {false, true}) {
      Map<String, Object> row = Records.decoder(schema).decode(Records.encoded(schema, record, blocking));
      assertEquals(expected, row.get("value"));
      assertEquals(Set.of("value"), row.keySet());
    }
  }

  @Test
  @DisplayName("With binaryAsString, bytes and fixed are the text that they hold.")
  void readsBinaryAsText() {
    Schema schema =
        Records.schema(
            "{'type': 'record', 'name': 'R', 'fields': [{'name': 'b', 'type': 'bytes'}, {'name': 'f', 'type': "
                + THREE
                + "}]}");
    byte[] euro = "€".getBytes(StandardCharsets.UTF_8);
    GenericFixed fixed = new GenericData.Fixed(schema.getField("f").schema(), euro);
    byte[] bytes = Records.written(schema, ByteBuffer.wrap("ä!".getBytes(StandardCharsets.UTF_8)), fixed);
    assertEquals(Map.of("b", "ä!", "f", "€"), Records.decoder(schema, true, false).decode(bytes));
    assertEquals(Map.of("b", "w6Qh", "f", "4oKs"), Records.decoder(schema, false, false).decode(bytes));
  }

  static Stream<Arguments> unionMembers() {
    Schema inner = Records.schema(INNER);
    Schema color = Records.schema(COLOR);
    Schema three = Records.schema(THREE);
    return Stream.of(
        Arguments.of(true, Map.of("boolean", true)),
        Arguments.of(1, Map.of("int", 1L)),
        Arguments.of(2L, Map.of("long", 2L)),
        Arguments.of(1.5f, Map.of("float", 1.5f)),
        Arguments.of(2.5, Map.of("double", 2.5)),
        Arguments.of("s", Map.of("string", "s")),
        Arguments.of(Records.bytes(1), Map.of("bytes", "AQ==")),
        Arguments.of(List.of("i"), Map.of("array", List.of("i"))),
        Arguments.of(Map.of("k", 1L), Map.of("map", Map.of("k", 1L))),
        Arguments.of(Records.record(inner, 1, "y"), Map.of("Inner", Map.of("x", 1L, "y", "y"))),
        Arguments.of(new GenericData.EnumSymbol(color, "RED"), Map.of("Color", "RED")),
        Arguments.of(new GenericData.Fixed(three, Records.raw(1, 2, 3)), Map.of("Three", "AQID")));
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("unionMembers")
  @DisplayName("With extractUnionsByType, a member of a union becomes a map from its type's name to it.")
  void extractsUnionsByType(Object written, Map<String, Object> expected) {
    Schema schema =
        Records.holding(
            "['null', 'boolean', 'int', 'long', 'float', 'double', 'string', 'bytes',"
                + " {'type': 'array', 'items': 'string'}, {'type': 'map', 'values': 'long'}, "
                + String.join(", ", INNER, COLOR, THREE)
                + "]");
    Map<String, Object> row = Records.decoder(schema, false, true).decode(Records.written(schema, written));
    assertEquals(expected, row.get("value"));
  }

  @Test
  @DisplayName("With extractUnionsByType, null stays null, and a union of null and one type stays that type's value.")
  void leavesOptionalValuesAlone() {
    Schema schema =
        Records.schema(
            "{'type': 'record', 'name': 'R', 'fields': [{'name': 'a', 'type': ['null', 'int', 'string']},"
                + " {'name': 'b', 'type': ['null', 'string']}]}");
    Map<String, Object> row =
        Records.decoder(schema, false, true).decode(Records.written(schema, null, "s"));
    assertNull(row.get("a"));
    assertEquals("s", row.get("b"));
  }

  @Test
  @DisplayName("Logical types are ignored: a time stamp is its milliseconds, a date its days, a decimal its bytes.")
  void ignoresLogicalTypes() {
    Schema schema =
        Records.schema(
            "{'type': 'record', 'name': 'R', 'fields': ["
                + "{'name': 't', 'type': {'type': 'long', 'logicalType': 'timestamp-millis'}},"
                + "{'name': 'd', 'type': {'type': 'int', 'logicalType': 'date'}},"
                + "{'name': 'm', 'type': {'type': 'bytes', 'logicalType': 'decimal', 'precision': 9, 'scale': 2}},"
                + "{'name': 'u', 'type': {'type': 'string', 'logicalType': 'uuid'}}]}");
    Schema decimal = schema.getField("m").schema();
    ByteBuffer money =
        new Conversions.DecimalConversion()
            .toBytes(new java.math.BigDecimal("12.34"), decimal, LogicalTypes.fromSchema(decimal));
    byte[] bytes = Records.written(schema, 1_700_000_000_000L, 19_000, money, "0-0");
    Map<String, Object> expected = Map.of("t", 1_700_000_000_000L, "d", 19_000L, "m", "BNI=", "u", "0-0");
    assertEquals(expected, Records.decoder(schema).decode(bytes));
  }

  @Test
  @DisplayName("A schema that holds itself is read to the end of the chain.")
  void readsRecursiveSchemas() {
    Schema schema = list();
    GenericRecord chain = null;
    for (long i = 0; i < 100; i++) {
      chain = Records.record(schema, i, chain);
    }
    Object link = Records.decoder(schema).decode(Records.encoded(schema, chain, false));
    for (long i = 99; i >= 0; i--) {
      assertEquals(i, ((Map<?, ?>) link).get("value"));
      link = ((Map<?, ?>) link).get("next");
    }
    assertNull(link);
  }

  @Test
  @DisplayName("Whatever record Avro's library makes up over a schema of all types reads as Avro's own reader reads it.")
  void agreesWithAvrosOwnReader() throws IOException {
    Schema schema =
        Records.schema(
            "{'type': 'record', 'name': 'All', 'fields': ["
                + "{'name': 'n', 'type': 'null'}, {'name': 'z', 'type': 'boolean'}, {'name': 'i', 'type': 'int'},"
                + "{'name': 'l', 'type': 'long'}, {'name': 'f', 'type': 'float'}, {'name': 'd', 'type': 'double'},"
                + "{'name': 's', 'type': 'string'}, {'name': 'b', 'type': 'bytes'}, {'name': 'c', 'type': "
                + COLOR
                + "}, {'name': 't', 'type': "
                + THREE
                + "}, {'name': 'r', 'type': {'type': 'array', 'items': "
                + INNER
                + "}}, {'name': 'm', 'type': {'type': 'map', 'values': {'type': 'array', 'items': 'string'}}},"
                + "{'name': 'u', 'type': ['null', 'int', 'string', 'a.b.Inner', 'a.b.Color', {'type': 'map', 'values': 'long'}]}"
                + "]}");
    RecordDecoder decoder = Records.decoder(schema);
    int records = 0;
    for (Object made : new RandomData(schema, 500, 42L)) {
      byte[] bytes = Records.encoded(schema, made, records++ % 2 == 0);
      Object avros =
          new GenericDatumReader<>(schema).read(null, DecoderFactory.get().binaryDecoder(bytes, null));
      assertEquals(plain(avros), decoder.decode(bytes));
    }
    assertEquals(500, records);
  }

  @Test
  @DisplayName("Fields that hold a value or a list of values are flat; maps, records and unions that may hold one are not.")
  void knowsFlatFields() {
    Schema schema =
        Records.schema(
            "{'type': 'record', 'name': 'R', 'fields': ["
                + "{'name': 'one', 'type': ['null', 'string']}, {'name': 'some', 'type': {'type': 'array', 'items': 'int'}},"
                + "{'name': 'either', 'type': ['int', 'string']}, {'name': 'map', 'type': {'type': 'map', 'values': 'int'}},"
                + "{'name': 'inner', 'type': "
                + INNER
                + "}, {'name': 'lists', 'type': {'type': 'array', 'items': {'type': 'array', 'items': 'int'}}},"
                + "{'name': 'maybe', 'type': ['string', 'a.b.Inner']}]}");
    assertEquals(List.of("one", "some", "either"), List.copyOf(Records.decoder(schema).flatFields()));
    assertEquals(List.of("one", "some"), List.copyOf(Records.decoder(schema, false, true).flatFields()));
    assertEquals(7, Records.decoder(schema).allFields().size());
  }

  @Test
  @DisplayName("A row is a map like any other: equal to one, in the schema's order, knowing what it does not hold.")
  void rowsAreMaps() {
    Schema schema = Records.schema(INNER);
    Map<String, Object> row = Records.decoder(schema).decode(Records.written(schema, 3, null));
    Map<String, Object> same = new LinkedHashMap<>();
    same.put("x", 3L);
    same.put("y", null);
    assertEquals(same, row);
    assertEquals(same.hashCode(), row.hashCode());
    assertEquals("{x=3, y=null}", row.toString());
    assertTrue(row.containsKey("y"));
    assertNull(row.get("z"));
    assertEquals(false, row.containsKey("z"));
  }

  static Schema list() {
    return Records.schema(
        "{'type': 'record', 'name': 'Link', 'fields': [{'name': 'value', 'type': 'long'},"
            + " {'name': 'next', 'type': ['null', 'Link']}]}");
  }

  /** What a value of Avro's generic reader is in plain Java, written without a look at the decoder. */
  private static Object plain(Object avro) {
    if (avro instanceof GenericRecord record) {
      Map<String, Object> map = new LinkedHashMap<>();
      record.getSchema().getFields().forEach(field -> map.put(field.name(), plain(record.get(field.pos()))));
      return map;
    } else if (avro instanceof Map<?, ?> map) {
      Map<String, Object> plain = new LinkedHashMap<>();
      map.forEach((key, value) -> plain.put(key.toString(), plain(value)));
      return plain;
    } else if (avro instanceof List<?> list) {
      List<Object> plain = new ArrayList<>();
      list.forEach(item -> plain.add(plain(item)));
      return plain;
    } else if (avro instanceof GenericFixed fixed) {
      return Base64.getEncoder().encodeToString(fixed.bytes());
    } else if (avro instanceof ByteBuffer buffer) {
      byte[] bytes = new byte[buffer.remaining()];
      buffer.get(bytes);
      return Base64.getEncoder().encodeToString(bytes);
    } else if (avro instanceof GenericEnumSymbol || avro instanceof CharSequence) {
      return avro.toString();
    }
    return avro instanceof Integer number ? Long.valueOf(number) : avro;
  }
}
