package io.pyglue.druid.avro;

import com.fasterxml.jackson.annotation.JsonTypeInfo;

/** Where the schema of a record comes from: the {@code avroBytesDecoder} of an input format. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
public interface AvroBytesDecoder {
  /** Compiles the schema for one set of options; the result is immutable and may be shared by threads. */
  RecordDecoder compile(ValueOptions options);
}
