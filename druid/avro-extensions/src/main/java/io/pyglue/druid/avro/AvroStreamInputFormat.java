package io.pyglue.druid.avro;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.jayway.jsonpath.JsonPathException;
import java.io.File;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.apache.druid.data.input.InputEntity;
import org.apache.druid.data.input.InputEntityReader;
import org.apache.druid.data.input.InputFormat;
import org.apache.druid.data.input.InputRowSchema;
import org.apache.druid.data.input.impl.NestedInputFormat;
import org.apache.druid.java.util.common.IAE;
import org.apache.druid.java.util.common.parsers.JSONPathSpec;
import org.apache.druid.java.util.common.parsers.ObjectFlattener;
import org.apache.druid.java.util.common.parsers.ObjectFlatteners;

/**
 * {@code avro_stream}: each message of a stream is one Avro record in bare binary encoding, without header.
 *
 * <p>The JSON form and the meaning of its options are those of Druid's documentation of its own Avro extension
 * (https://druid.apache.org/docs/33.0.0/ingestion/data-formats#avro-stream). What is wrong with a format is
 * said here, when it is submitted, never when a task reads its first record. The properties read back just as
 * they were given: an option that was left out stays out.
 */
public final class AvroStreamInputFormat extends NestedInputFormat {
  static final String TYPE = "avro_stream";

  private final AvroBytesDecoder avroBytesDecoder;
  private final Boolean binaryAsString;
  private final Boolean extractUnionsByType;
  private final RecordDecoder decoder;

  /**
   * @param flattenSpec columns out of nested values; none by default
   * @param avroBytesDecoder where the schema comes from
   * @param binaryAsString bytes and fixed are UTF-8 text instead of base64; false by default
   * @param extractUnionsByType members of unions become maps keyed by type; false by default
   * @throws IllegalArgumentException (Druid answers 400 with its text) when one of them is not valid
   */
  @JsonCreator
  public AvroStreamInputFormat(
      @JsonProperty("flattenSpec") JSONPathSpec flattenSpec,
      @JsonProperty("avroBytesDecoder") AvroBytesDecoder avroBytesDecoder,
      @JsonProperty("binaryAsString") Boolean binaryAsString,
      @JsonProperty("extractUnionsByType") Boolean extractUnionsByType) {
    super(flattenSpec);
    if (avroBytesDecoder == null) {
      throw new IAE("inputFormat avro_stream: no avroBytesDecoder given");
    }
    this.avroBytesDecoder = avroBytesDecoder;
    this.binaryAsString = binaryAsString;
    this.extractUnionsByType = extractUnionsByType;
    this.decoder = avroBytesDecoder.compile(options());
    flattener(decoder.flatFields()); // refuses a broken path or jq expression
  }

  @JsonProperty
  public AvroBytesDecoder getAvroBytesDecoder() {
    return avroBytesDecoder;
  }

  @JsonProperty
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public Boolean getBinaryAsString() {
    return binaryAsString;
  }

  @JsonProperty
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public Boolean getExtractUnionsByType() {
    return extractUnionsByType;
  }

  /** One message is one record; there is nothing to split. */
  @Override
  public boolean isSplittable() {
    return false;
  }

  @Override
  public InputEntityReader createReader(
      InputRowSchema schema, InputEntity source, File temporaryDirectory) {
    boolean nested = schema.getDimensionsSpec() != null && schema.getDimensionsSpec().useSchemaDiscovery();
    Set<String> rootFields = nested ? decoder.allFields() : decoder.flatFields();
    return new AvroStreamReader(schema, source, decoder, flattener(rootFields));
  }

  private ObjectFlattener<Map<String, Object>> flattener(Set<String> rootFields) {
    try {
      return ObjectFlatteners.create(getFlattenSpec(), new AvroFlattenerMaker(rootFields));
    } catch (JsonPathException problem) {
      throw new IAE(problem, "flattenSpec: not a JSON path: %s", problem.getMessage());
    }
  }

  private ValueOptions options() {
    return new ValueOptions(Boolean.TRUE.equals(binaryAsString), Boolean.TRUE.equals(extractUnionsByType));
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other)
        && other instanceof AvroStreamInputFormat that
        && avroBytesDecoder.equals(that.avroBytesDecoder)
        && options().equals(that.options());
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), avroBytesDecoder, options());
  }

  @Override
  public String toString() {
    return "AvroStreamInputFormat{avroBytesDecoder=" + avroBytesDecoder + ", options=" + options() + "}";
  }
}
