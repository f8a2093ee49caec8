package io.pyglue.druid.avro;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;

/**
 * A cursor over the bytes of one record: Avro's binary encoding of the primitive types
 * (https://avro.apache.org/docs/1.11.1/specification/#binary-encoding).
 *
 * <p>The law of this file: the bytes are hostile. Every length is compared with what is left before anything
 * of that length is made, and nothing is read past the end. What does not fit is a {@link BadRecordException}.
 */
final class AvroBytes {
  /** Deepest nesting of records in records. Deeper ones can only come from a schema that holds itself. */
  private static final int MAX_DEPTH = 128;

  /** Most array items that take no bytes at all (nulls, empty records): only these can be many in a small record. */
  private static final int MAX_WEIGHTLESS_ITEMS = 65_536;

  private final byte[] bytes;
  private int position;
  private int depth;
  private int weightlessItems;

  AvroBytes(byte[] bytes) {
    this.bytes = bytes;
  }

  int position() {
    return position;
  }

  int remaining() {
    return bytes.length - position;
  }

  boolean readBoolean() {
    int value = next("a boolean") & 0xFF;
    if (value > 1) {
      throw BadRecordException.of("%d is not a boolean at byte %d", value, position - 1);
    }
    return value == 1;
  }

  /** An int as a long: Druid knows no smaller whole number. */
  long readInt() {
    long value = readLong();
    if (value != (int) value) {
      throw BadRecordException.of("%d does not fit an int, before byte %d", value, position);
    }
    return value;
  }

  long readLong() {
    long raw = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      int part = next("a number");
      raw |= (part & 0x7FL) << shift;
      if (part >= 0) {
        return (raw >>> 1) ^ -(raw & 1);
      }
    }
    throw BadRecordException.of("a number of more than ten bytes, before byte %d", position);
  }

  float readFloat() {
    return Float.intBitsToFloat((int) littleEndian(4, "a float"));
  }

  double readDouble() {
    return Double.longBitsToDouble(littleEndian(8, "a double"));
  }

  String readString() {
    return text(length("a string"));
  }

  /** Bytes that carry their length before them, as text in UTF-8 or as base64. */
  String readBinary(boolean asText) {
    int length = length("bytes");
    return asText ? text(length) : base64(length);
  }

  /** {@code size} bytes, as text in UTF-8 or as base64. */
  String readFixed(int size, boolean asText) {
    require(size, "a fixed");
    return asText ? text(size) : base64(size);
  }

  /** The number of an enum's symbol or a union's member. */
  int readIndex(int count, String what) {
    long index = readLong();
    if (index < 0 || index >= count) {
      throw BadRecordException.of("%s number %d of %d, before byte %d", what, index, count, position);
    }
    return (int) index;
  }

  /** How many items the next block of an array or map has; 0 ends it. */
  long readBlockCount() {
    long count = readLong();
    if (count >= 0) {
      return count;
    }
    require(readLong(), "a block");
    if (count == Long.MIN_VALUE) {
      throw BadRecordException.of("a block of %d items, before byte %d", count, position);
    }
    return -count;
  }

  /** Counts an item of an array that began at {@code start}. */
  void countItem(int start) {
    if (position == start && ++weightlessItems > MAX_WEIGHTLESS_ITEMS) {
      throw BadRecordException.of("more than %d array items without content", MAX_WEIGHTLESS_ITEMS);
    }
  }

  void enterRecord() {
    if (++depth > MAX_DEPTH) {
      throw BadRecordException.of("records nested more than %d deep at byte %d", MAX_DEPTH, position);
    }
  }

  void leaveRecord() {
    depth--;
  }

  private byte next(String what) {
    if (position == bytes.length) {
      throw BadRecordException.of("the record ends at byte %d, where %s should be", position, what);
    }
    return bytes[position++];
  }

  private int length(String what) {
    long length = readLong();
    require(length, what);
    return (int) length;
  }

  private void require(long length, String what) {
    if (length < 0 || length > remaining()) {
      throw BadRecordException.of(
          "%s of %d bytes at byte %d, where %d are left", what, length, position, remaining());
    }
  }

  private String text(int length) {
    String text = new String(bytes, position, length, StandardCharsets.UTF_8);
    position += length;
    return text;
  }

  private String base64(int length) {
    byte[] part = Arrays.copyOfRange(bytes, position, position + length);
    position += length;
    return Base64.getEncoder().encodeToString(part);
  }

  private long littleEndian(int size, String what) {
    require(size, what);
    long value = 0;
    for (int i = size - 1; i >= 0; i--) {
      value = value << 8 | bytes[position + i] & 0xFF;
    }
    position += size;
    return value;
  }
}
