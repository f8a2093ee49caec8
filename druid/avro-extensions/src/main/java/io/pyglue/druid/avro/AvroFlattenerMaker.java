package io.pyglue.druid.avro;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.jayway.jsonpath.Configuration;
import com.jayway.jsonpath.JsonPath;
import com.jayway.jsonpath.Option;
import com.jayway.jsonpath.spi.json.JsonProvider;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import net.thisptr.jackson.jq.JsonQuery;
import net.thisptr.jackson.jq.exception.JsonQueryException;
import org.apache.druid.java.util.common.IAE;
import org.apache.druid.java.util.common.parsers.JSONFlattenerMaker;
import org.apache.druid.java.util.common.parsers.NotImplementedMappingProvider;
import org.apache.druid.java.util.common.parsers.ObjectFlatteners;
import org.apache.druid.java.util.common.parsers.ParseException;

/** What Druid's flattener (root, path, jq and tree fields of a flattenSpec) needs to know of decoded records. */
final class AvroFlattenerMaker implements ObjectFlatteners.FlattenerMaker<Map<String, Object>> {
  private static final JsonProvider PROVIDER = new PlainJsonProvider();
  private static final Configuration JSON_PATH =
      Configuration.builder()
          .jsonProvider(PROVIDER)
          .mappingProvider(new NotImplementedMappingProvider())
          .options(Option.SUPPRESS_EXCEPTIONS)
          .build();
  private static final ObjectMapper TREES = new ObjectMapper();

  private final Set<String> rootFields;

  /** @param rootFields the fields that become columns without being named; the same for every record */
  AvroFlattenerMaker(Set<String> rootFields) {
    this.rootFields = rootFields;
  }

  @Override
  public JsonProvider getJsonProvider() {
    return PROVIDER;
  }

  @Override
  public Iterable<String> discoverRootFields(Map<String, Object> row) {
    return rootFields;
  }

  @Override
  public Object getRootField(Map<String, Object> row, String name) {
    return row.get(name);
  }

  @Override
  public Function<Map<String, Object>, Object> makeJsonPathExtractor(String expression) {
    JsonPath path = JsonPath.compile(expression);
    return row -> path.read(row, JSON_PATH);
  }

  @Override
  public Function<Map<String, Object>, Object> makeJsonQueryExtractor(String expression) {
    JsonQuery query;
    try {
      query = JsonQuery.compile(expression);
    } catch (JsonQueryException problem) {
      throw new IAE(problem, "flattenSpec: not a jq expression: [%s]: %s", expression, problem.getMessage());
    }
    CharsetEncoder encoder = StandardCharsets.UTF_8.newEncoder();
    return row -> firstResult(query, row, encoder);
  }

  @Override
  public Function<Map<String, Object>, Object> makeJsonTreeExtractor(List<String> nodes) {
    List<String> names = List.copyOf(nodes);
    return row -> {
      Object value = row;
      for (String name : names) {
        value = value instanceof Map<?, ?> map ? map.get(name) : null;
      }
      return value;
    };
  }

  /** The whole record, for the sampler. */
  @Override
  public Map<String, Object> toMap(Map<String, Object> row) {
    return new LinkedHashMap<>(row);
  }

  @SuppressWarnings("deprecation") // the call whose built-in functions are those of Druid's JSON format
  private static Object firstResult(JsonQuery query, Map<String, Object> row, CharsetEncoder encoder) {
    try {
      List<JsonNode> results = query.apply(TREES.<JsonNode>valueToTree(row));
      return results.isEmpty() ? null : JSONFlattenerMaker.convertJsonNode(results.get(0), encoder);
    } catch (JsonQueryException problem) {
      throw new ParseException(null, problem, "jq expression [%s] failed: %s", query, problem.getMessage());
    }
  }
}
