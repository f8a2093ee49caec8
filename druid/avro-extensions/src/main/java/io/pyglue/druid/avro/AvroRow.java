package io.pyglue.druid.avro;

import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;

/**
 * One decoded Avro record as a read-only map from field name to plain Java value. All rows of a schema share
 * the names and their positions, so that a row costs one array.
 */
final class AvroRow extends AbstractMap<String, Object> {
  /** The fields of a record schema: name to position, in the schema's order. */
  static final class Fields {
    private final LinkedHashMap<String, Integer> positions = new LinkedHashMap<>();
    private final String[] names;

    Fields(String[] names) {
      this.names = names;
      for (int i = 0; i < names.length; i++) {
        positions.put(names[i], i);
      }
    }

    int size() {
      return names.length;
    }

    String name(int position) {
      return names[position];
    }
  }

  private final Fields fields;
  private final Object[] values;

  AvroRow(Fields fields, Object[] values) {
    this.fields = fields;
    this.values = values;
  }

  @Override
  public Object get(Object name) {
    Integer position = fields.positions.get(name);
    return position == null ? null : values[position];
  }

  @Override
  public boolean containsKey(Object name) {
    return fields.positions.containsKey(name);
  }

  @Override
  public Set<Map.Entry<String, Object>> entrySet() {
    return new AbstractSet<>() {
      @Override
      public int size() {
        return values.length;
      }

      @Override
      public Iterator<Map.Entry<String, Object>> iterator() {
        return new Entries();
      }
    };
  }

  private final class Entries implements Iterator<Map.Entry<String, Object>> {
    private int next;

    @Override
    public boolean hasNext() {
      return next < values.length;
    }

    @Override
    public Map.Entry<String, Object> next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      Map.Entry<String, Object> entry = new SimpleImmutableEntry<>(fields.name(next), values[next]);
      next++;
      return entry;
    }
  }
}
