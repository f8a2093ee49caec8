package io.pyglue.druid.avro;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import java.util.ServiceLoader;
import org.apache.druid.data.input.InputFormat;
import org.apache.druid.initialization.DruidModule;
import org.apache.druid.jackson.DefaultObjectMapper;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AvroStreamInputFormatTest {
  private static final String SCHEMA =
      "{'type':'record','name':'R','namespace':'n','doc':'kept','fields':"
          + "[{'name':'a','type':['null','string'],'default':null,'note':'kept too'}]}";
  private static final String DECODER = "'avroBytesDecoder':{'type':'schema_inline','schema':" + SCHEMA + "}";

  /** Druid's mapper with what Druid itself would find on the extension's class path. */
  static ObjectMapper mapper() {
    ObjectMapper mapper = new DefaultObjectMapper();
    for (DruidModule module : ServiceLoader.load(DruidModule.class)) {
      module.getJacksonModules().forEach(mapper::registerModule);
    }
    return mapper;
  }

  static InputFormat read(String json) throws JsonProcessingException {
    return mapper().readValue(json.replace('\'', '"'), InputFormat.class);
  }

  private static String refusal(String json) {
    return assertThrows(JsonProcessingException.class, () -> read(json)).getMessage();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'type':'avro_stream'," + DECODER + "}",
        "{'type':'avro_stream'," + DECODER + ",'binaryAsString':false}",
        "{'type':'avro_stream'," + DECODER + ",'binaryAsString':true,'extractUnionsByType':true}",
        "{'type':'avro_stream'," + DECODER + ",'flattenSpec':{'useFieldDiscovery':false,'fields':["
            + "{'type':'path','name':'p','expr':'$.a'},{'type':'jq','name':'q','expr':'.a'}]}}",
      })
  @DisplayName("A format reads back from Druid as the very JSON that was submitted, nothing added and nothing lost.")
  void readsBackAsGiven(String json) throws JsonProcessingException {
    InputFormat format = read(json);
    assertInstanceOf(AvroStreamInputFormat.class, format);
    ObjectMapper mapper = mapper();
    String back = mapper.writeValueAsString(format);
    assertEquals(mapper.readTree(json.replace('\'', '"')), withoutDefaults(mapper, back));
    assertEquals(format, read(back));
    assertEquals(format.hashCode(), read(back).hashCode());
  }

  /** Druid itself adds nulls to the fields of a flattenSpec. */
  private static Object withoutDefaults(ObjectMapper mapper, String json) throws JsonProcessingException {
    return mapper.readTree(json.replace(",\"nodes\":null", ""));
  }

  @Test
  @DisplayName("Formats are equal when they read records alike, and differ with each option.")
  void comparesByMeaning() throws JsonProcessingException {
    InputFormat plain = read("{'type':'avro_stream'," + DECODER + "}");
    assertEquals(plain, read("{'type':'avro_stream'," + DECODER + ",'binaryAsString':false}"));
    assertEquals(
        plain.hashCode(), read("{'type':'avro_stream'," + DECODER + ",'binaryAsString':false}").hashCode());
    List<String> others =
        List.of(
            "{'type':'avro_stream'," + DECODER + ",'binaryAsString':true}",
            "{'type':'avro_stream'," + DECODER + ",'extractUnionsByType':true}",
            "{'type':'avro_stream'," + DECODER + ",'flattenSpec':{'useFieldDiscovery':false,'fields':[]}}",
            "{'type':'avro_stream'," + DECODER.replace("'name':'a'", "'name':'b'") + "}");
    for (String other : others) {
      assertNotEquals(plain, read(other));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | no avroBytesDecoder given",
        "{\"avroBytesDecoder\":{\"type\":\"schema_inline\"}} | no schema given",
        "{\"avroBytesDecoder\":{\"type\":\"schema_inline\",\"schema\":{}}} | not an Avro schema: No type",
        "{\"avroBytesDecoder\":{\"type\":\"schema_inline\",\"schema\":{\"type\":\"string\"}}} | must be a record, this one is of type string",
        "{\"avroBytesDecoder\":{\"type\":\"schema_inline\",\"schema\":{\"type\":\"recrod\",\"name\":\"R\",\"fields\":[]}}} | not an Avro schema: ",
        "{\"avroBytesDecoder\":{\"type\":\"schema_inline\",\"schema\":{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a b\",\"type\":\"int\"}]}}} | Illegal character in: a b",
        "{\"avroBytesDecoder\":{\"type\":\"schema_inline\",\"schema\":{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\",\"default\":\"x\"}]}}} | Invalid default for field a",
        "{\"avroBytesDecoder\":{\"type\":\"schema_registry\"}} | schema_registry",
      })
  @DisplayName("A format without a usable schema is refused when it is submitted, with the reason.")
  void refusesBrokenSchemas(String json, String reason) {
    String message = refusal(json.replaceFirst("^\\{", "{'type':'avro_stream'" + (json.equals("{}") ? "" : ",")));
    assertTrue(message.contains(reason), message);
  }

  @ParameterizedTest
  @CsvSource({"path,$[,not a JSON path", "jq,.a | ,not a jq expression"})
  @DisplayName("A flattenSpec with a broken expression is refused when it is submitted, not when a task runs.")
  void refusesBrokenExpressions(String type, String expression, String reason) {
    String message =
        refusal(
            "{'type':'avro_stream',"
                + DECODER
                + ",'flattenSpec':{'fields':[{'type':'"
                + type
                + "','name':'p','expr':'"
                + expression
                + "'}]}}");
    assertTrue(message.contains(reason), message);
  }

  @Test
  @DisplayName("A message is one record and can't be split among tasks.")
  void isNotSplittable() throws JsonProcessingException {
    assertFalse(read("{'type':'avro_stream'," + DECODER + "}").isSplittable());
  }
}
