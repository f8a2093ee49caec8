package io.pyglue.druid.avro;

import com.jayway.jsonpath.spi.json.JsonProvider;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.druid.java.util.common.parsers.FlattenerJsonProvider;

/** Lets JsonPath walk through decoded records: plain maps, lists and values. */
final class PlainJsonProvider extends FlattenerJsonProvider {
  @Override
  public boolean isArray(Object value) {
    return value instanceof List;
  }

  @Override
  public boolean isMap(Object value) {
    return value instanceof Map;
  }

  @Override
  public int length(Object value) {
    if (value instanceof Map<?, ?> map) {
      return map.size();
    }
    return value instanceof String text ? text.length() : super.length(value);
  }

  @Override
  public Object getMapValue(Object map, String key) {
    Map<?, ?> entries = (Map<?, ?>) map;
    Object value = entries.get(key);
    return value == null && !entries.containsKey(key) ? JsonProvider.UNDEFINED : value;
  }

  @Override
  @SuppressWarnings("unchecked") // maps come from RecordDecoder, whose keys are strings
  public Collection<String> getPropertyKeys(Object map) {
    return ((Map<String, Object>) map).keySet();
  }
}
