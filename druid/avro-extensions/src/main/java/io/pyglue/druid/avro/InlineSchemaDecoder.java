package io.pyglue.druid.avro;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Map;
import java.util.Objects;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.druid.java.util.common.IAE;

/** {@code schema_inline}: all records were written with the one schema that stands in the specification. */
public final class InlineSchemaDecoder implements AvroBytesDecoder {
  static final String TYPE = "schema_inline";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Map<String, Object> given;
  private final Schema schema;

  /**
   * @param schema the Avro schema, a record, as a JSON object
   * @throws IllegalArgumentException (Druid answers 400 with its text) when it is no such schema
   */
  @JsonCreator
  public InlineSchemaDecoder(@JsonProperty("schema") Map<String, Object> schema) {
    if (schema == null) {
      throw new IAE("avroBytesDecoder schema_inline: no schema given");
    }
    this.given = schema;
    this.schema = parse(schema);
  }

  /** The schema as it was given, so that a specification reads back unchanged. */
  @JsonProperty
  public Map<String, Object> getSchema() {
    return given;
  }

  @Override
  public RecordDecoder compile(ValueOptions options) {
    return new RecordDecoder(schema, options);
  }

  private static Schema parse(Map<String, Object> given) {
    Schema schema;
    try {
      schema = new Schema.Parser().parse(JSON.writeValueAsString(given));
    } catch (AvroRuntimeException | JsonProcessingException problem) {
      throw new IAE(problem, "avroBytesDecoder schema_inline: not an Avro schema: %s", problem.getMessage());
    }
    if (schema.getType() != Schema.Type.RECORD) {
      throw new IAE(
          "avroBytesDecoder schema_inline: the schema must be a record, this one is of type %s",
          schema.getType().getName());
    }
    return schema;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof InlineSchemaDecoder that && given.equals(that.given);
  }

  @Override
  public int hashCode() {
    return Objects.hash(TYPE, given);
  }

  @Override
  public String toString() {
    return "InlineSchemaDecoder{schema=" + schema + "}";
  }
}
