package io.pyglue.druid.avro;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.druid.data.input.InputEntity;
import org.apache.druid.data.input.InputRow;
import org.apache.druid.data.input.InputRowSchema;
import org.apache.druid.data.input.IntermediateRowParsingReader;
import org.apache.druid.data.input.impl.ByteEntity;
import org.apache.druid.data.input.impl.MapInputRowParser;
import org.apache.druid.java.util.common.CloseableIterators;
import org.apache.druid.java.util.common.parsers.CloseableIterator;
import org.apache.druid.java.util.common.parsers.ObjectFlattener;
import org.apache.druid.java.util.common.parsers.ParseException;

/**
 * One message, one record, one row. The indexing service makes one reader for a whole task and calls it again
 * for every message, so what does not depend on the message is made outside.
 *
 * <p>Whatever the bytes are, the worst that leaves here is Druid's parse exception, which Druid counts and
 * keeps, with the message in base64 as its input, so that what was in a lost event can be found out.
 */
final class AvroStreamReader extends IntermediateRowParsingReader<byte[]> {
  /** Longest part of a bad message that is kept: Druid holds many of them in a task's heap. */
  private static final int MAX_SHOWN_BYTES = 4096;

  private final InputRowSchema schema;
  private final InputEntity source;
  private final RecordDecoder decoder;
  private final ObjectFlattener<Map<String, Object>> flattener;

  AvroStreamReader(
      InputRowSchema schema,
      InputEntity source,
      RecordDecoder decoder,
      ObjectFlattener<Map<String, Object>> flattener) {
    this.schema = schema;
    this.source = source;
    this.decoder = decoder;
    this.flattener = flattener;
  }

  @Override
  protected CloseableIterator<byte[]> intermediateRowIterator() throws IOException {
    Iterator<byte[]> one = List.of(contents()).iterator();
    return CloseableIterators.withEmptyBaggage(one);
  }

  @Override
  protected List<InputRow> parseInputRows(byte[] bytes) {
    return List.of(MapInputRowParser.parse(schema, flattener.flatten(decode(bytes))));
  }

  @Override
  protected List<Map<String, Object>> toMap(byte[] bytes) {
    return List.of(flattener.toMap(decode(bytes)));
  }

  @Override
  protected String intermediateRowAsString(byte[] bytes) {
    byte[] shown = bytes.length > MAX_SHOWN_BYTES ? Arrays.copyOf(bytes, MAX_SHOWN_BYTES) : bytes;
    return Base64.getEncoder().encodeToString(shown);
  }

  @Override
  protected InputEntity source() {
    return source;
  }

  private Map<String, Object> decode(byte[] bytes) {
    try {
      return decoder.decode(bytes);
    } catch (BadRecordException problem) {
      throw new ParseException(
          intermediateRowAsString(bytes), "Not an Avro record of this schema: %s", problem.getMessage());
    }
  }

  private byte[] contents() throws IOException {
    if (source instanceof ByteEntity entity) {
      ByteBuffer buffer = entity.getBuffer().duplicate();
      byte[] bytes = new byte[buffer.remaining()];
      buffer.get(bytes);
      return bytes;
    }
    try (InputStream stream = source.open()) {
      // In the indexing service all of a message is available at once: one copy.
      byte[] bytes = stream.readNBytes(stream.available());
      int next = stream.read();
      return next < 0 ? bytes : withRest(bytes, next, stream);
    }
  }

  private static byte[] withRest(byte[] head, int next, InputStream stream) throws IOException {
    ByteArrayOutputStream whole = new ByteArrayOutputStream(head.length * 2 + 1);
    whole.write(head);
    whole.write(next);
    stream.transferTo(whole);
    return whole.toByteArray();
  }
}
