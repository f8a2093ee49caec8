package io.pyglue.druid.avro;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Bytes that are no record of the schema: each is one BadRecordException, whatever it claims. */
class HostileRecordsTest {
  private static final String STRINGS = "{'type': 'array', 'items': 'string'}";
  private static final Schema MIXED =
      Records.schema(
          "{'type': 'record', 'name': 'Mixed', 'fields': [{'name': 'b', 'type': 'boolean'}, {'name': 'l', 'type': 'long'},"
              + "{'name': 's', 'type': ['null', 'string']}, {'name': 'd', 'type': 'double'}, {'name': 'a', 'type': "
              + STRINGS
              + "}, {'name': 'm', 'type': {'type': 'map', 'values': 'bytes'}},"
              + "{'name': 'e', 'type': {'type': 'enum', 'name': 'E', 'symbols': ['P', 'Q']}}]}");

  private static byte[] mixed() {
    return Records.written(
        MIXED,
        true,
        -123_456_789_012L,
        "hé",
        3.5,
        List.of("x", "yy"),
        Map.of("k", Records.bytes(9, 8)),
        new org.apache.avro.generic.GenericData.EnumSymbol(MIXED.getField("e").schema(), "Q"));
  }

  static Stream<Arguments> badRecords() {
    int[] hugeLength = {0xFE, 0xFF, 0xFF, 0xFF, 0x0F}; // 2147483647
    int[] hugerLength = {0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}; // the largest long
    String union = "['null', 'int']";
    String symbols = "{'type': 'enum', 'name': 'E', 'symbols': ['P', 'Q']}";
    return Stream.of(
        Arguments.of("'string'", hugeLength, "a string of 2147483647 bytes at byte 5, where 0 are left"),
        Arguments.of("'string'", hugerLength, "a string of 9223372036854775807 bytes at byte 10, where 0 are left"),
        Arguments.of("'string'", new int[] {1}, "a string of -1 bytes at byte 1, where 0 are left"),
        Arguments.of("'bytes'", hugeLength, "bytes of 2147483647 bytes at byte 5, where 0 are left"),
        Arguments.of("{'type': 'map', 'values': 'int'}", hugeLength, "the record ends at byte 5, where a number should be"),
        Arguments.of(STRINGS, hugeLength, "the record ends at byte 5, where a number should be"),
        Arguments.of(STRINGS, new int[] {1, 100}, "a block of 50 bytes at byte 2, where 0 are left"),
        Arguments.of("{'type': 'array', 'items': 'null'}", hugerLength, "more than 65536 array items without content"),
        Arguments.of("'boolean'", new int[] {2}, "2 is not a boolean at byte 0"),
        Arguments.of("'boolean'", new int[] {255}, "255 is not a boolean at byte 0"),
        Arguments.of("'int'", new int[] {0x80, 0x80, 0x80, 0x80, 0x10}, "2147483648 does not fit an int, before byte 5"),
        Arguments.of("'long'", Records.times(11, 0x80).stream().mapToInt(i -> i).toArray(), "a number of more than ten bytes, before byte 10"),
        Arguments.of("'float'", new int[] {0, 0, 0}, "a float of 4 bytes at byte 0, where 3 are left"),
        Arguments.of(union, new int[] {4}, "union member number 2 of 2, before byte 1"),
        Arguments.of(union, new int[] {1}, "union member number -1 of 2, before byte 1"),
        Arguments.of(symbols, new int[] {4}, "symbol number 2 of 2, before byte 1"),
        Arguments.of(symbols, new int[] {1}, "symbol number -1 of 2, before byte 1"),
        Arguments.of("{'type': 'fixed', 'name': 'F', 'size': 2000000000}", new int[] {1}, "a fixed of 2000000000 bytes at byte 0, where 1 are left"));
  }

  @ParameterizedTest(name = "{0} {2}")
  @MethodSource("badRecords")
  @DisplayName("Bytes that break the encoding are refused with the field and the reason, before memory is taken for them.")
  void refusesBrokenEncodings(String type, int[] bytes, String problem) {
    RecordDecoder decoder = Records.decoder(Records.holding(type));
    byte[] raw = Records.raw(bytes);
    BadRecordException refusal = assertThrows(BadRecordException.class, () -> decoder.decode(raw));
    assertEquals("field value: " + problem, refusal.getMessage());
  }

  @Test
  @DisplayName("A record that is cut short, at whatever byte, or followed by another byte is refused.")
  void refusesEveryOtherLength() {
    RecordDecoder decoder = Records.decoder(MIXED);
    byte[] whole = mixed();
    assertEquals("hé", decoder.decode(whole).get("s"));
    for (int length = 0; length < whole.length; length++) {
      byte[] cut = Arrays.copyOf(whole, length);
      assertThrows(BadRecordException.class, () -> decoder.decode(cut), "cut at " + length);
    }
    byte[] more = Arrays.copyOf(whole, whole.length + 1);
    BadRecordException refusal = assertThrows(BadRecordException.class, () -> decoder.decode(more));
    assertEquals("the record ends at byte " + whole.length + ", but 1 more follow", refusal.getMessage());
  }

  @Test
  @DisplayName("A chain that is nested without end is refused long before the stack is.")
  void refusesBottomlessRecords() {
    byte[] bottomless = new byte[3_000_000];
    for (int i = 1; i < bottomless.length; i += 2) {
      bottomless[i] = 2;
    }
    RecordDecoder decoder = Records.decoder(RecordDecoderTest.list());
    BadRecordException refusal = assertThrows(BadRecordException.class, () -> decoder.decode(bottomless));
    assertTrue(refusal.getMessage().endsWith("records nested more than 128 deep at byte 256"), refusal.getMessage());
  }

  @Test
  @DisplayName("Records side by side in an array do not count as nested.")
  void allowsManyRecordsSideBySide() {
    Schema schema =
        Records.holding(
            "{'type': 'array', 'items': {'type': 'record', 'name': 'I', 'fields': [{'name': 'x', 'type': 'int'}]}}");
    GenericRecord item = Records.record(schema.getField("value").schema().getElementType(), 1);
    byte[] bytes = Records.written(schema, Records.times(1000, item));
    assertEquals(1000, ((List<?>) Records.decoder(schema).decode(bytes).get("value")).size());
  }

  @Test
  @DisplayName("The path of names leads to the field that was wrong.")
  void namesTheField() {
    Schema schema =
        Records.holding("{'type': 'record', 'name': 'I', 'fields': [{'name': 'x', 'type': 'boolean'}]}");
    RecordDecoder decoder = Records.decoder(schema);
    BadRecordException refusal =
        assertThrows(BadRecordException.class, () -> decoder.decode(Records.raw(7)));
    assertEquals("field value.x: 7 is not a boolean at byte 0", refusal.getMessage());
  }

  @Test
  @DisplayName("Random bytes, and good records with a few bytes changed, are read or refused; nothing else happens.")
  void survivesNoise() {
    RecordDecoder decoder = Records.decoder(MIXED);
    Random random = new Random(7);
    int refused = 0;
    for (int i = 0; i < 20_000; i++) {
      byte[] bytes = i % 2 == 0 ? new byte[random.nextInt(40)] : mixed();
      if (i % 2 == 0) {
        random.nextBytes(bytes);
      }
      for (int changes = i % 2 * random.nextInt(4); changes > 0; changes--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      }
      try {
        decoder.decode(bytes);
      } catch (BadRecordException expected) {
        refused++;
      }
    }
    assertTrue(refused > 10_000, refused + " refused");
  }
}
