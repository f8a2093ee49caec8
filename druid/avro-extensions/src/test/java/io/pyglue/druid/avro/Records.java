package io.pyglue.druid.avro;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;

/** Records for tests, written by Apache's Avro library: the independent opinion on the encoding. */
final class Records {
  private Records() {}

  /** A record schema of one field {@code value}; quotes may be written as apostrophes. */
  static Schema holding(String type) {
    return schema("{'type': 'record', 'name': 'Holder', 'fields': [{'name': 'value', 'type': " + type + "}]}");
  }

  static Schema schema(String json) {
    return new Schema.Parser().parse(json.replace('\'', '"'));
  }

  static GenericData.Record record(Schema schema, Object... values) {
    GenericData.Record record = new GenericData.Record(schema);
    for (int i = 0; i < values.length; i++) {
      record.put(i, values[i]);
    }
    return record;
  }

  static byte[] written(Schema schema, Object... values) {
    return encoded(schema, record(schema, values), false);
  }

  /** With {@code blocking}, arrays and maps are written in blocks that carry their size in bytes. */
  static byte[] encoded(Schema schema, Object datum, boolean blocking) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    EncoderFactory factory = new EncoderFactory().configureBlockSize(64);
    BinaryEncoder encoder = blocking ? factory.blockingBinaryEncoder(out, null) : factory.binaryEncoder(out, null);
    try {
      new GenericDatumWriter<>(schema).write(datum, encoder);
      encoder.flush();
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
    return out.toByteArray();
  }

  static RecordDecoder decoder(Schema schema) {
    return decoder(schema, false, false);
  }

  static RecordDecoder decoder(Schema schema, boolean binaryAsString, boolean extractUnionsByType) {
    return inline(schema).compile(new ValueOptions(binaryAsString, extractUnionsByType));
  }

  @SuppressWarnings("unchecked") // a record schema is a JSON object
  static InlineSchemaDecoder inline(Schema schema) {
    try {
      return new InlineSchemaDecoder(new ObjectMapper().readValue(schema.toString(), Map.class));
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
  }

  static ByteBuffer bytes(int... values) {
    return ByteBuffer.wrap(raw(values));
  }

  static byte[] raw(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }

  static <T> List<T> times(int count, T value) {
    return java.util.Collections.nCopies(count, value);
  }
}
