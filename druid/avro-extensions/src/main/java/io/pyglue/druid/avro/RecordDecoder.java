package io.pyglue.druid.avro;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import org.apache.avro.Schema;

/**
 * A record schema, compiled once into a tree of small readers, so that a record costs no look at the schema.
 *
 * <p>What a type becomes: null stays null, boolean {@link Boolean}, int and long {@link Long}, float
 * {@link Float}, double {@link Double}, string and enum {@link String}, bytes and fixed {@link String}
 * (base64, or the text they hold), array {@link List}, map and record {@link Map}, a union what its member
 * becomes. Logical types are ignored, as in Druid's documentation: a decimal is its bytes, a date its days.
 *
 * <p>Immutable, to be shared by threads.
 */
public final class RecordDecoder {
  private interface ValueReader {
    Object read(AvroBytes from);
  }

  private final Map<Schema, RecordReader> records = new IdentityHashMap<>();
  private final ValueOptions options;
  private final RecordReader root;
  private final Set<String> allFields;
  private final Set<String> flatFields;

  RecordDecoder(Schema schema, ValueOptions options) {
    this.options = options;
    this.root = recordReader(schema);
    this.allFields = fieldNames(schema, field -> true);
    this.flatFields = fieldNames(schema, field -> isFlat(field.schema()));
  }

  /**
   * Decodes one record, which must fill the bytes: what is left over was not written with this schema.
   *
   * @throws BadRecordException when the bytes are not such a record
   */
  Map<String, Object> decode(byte[] bytes) {
    AvroBytes from = new AvroBytes(bytes);
    Map<String, Object> row = root.read(from);
    if (from.remaining() > 0) {
      throw BadRecordException.of(
          "the record ends at byte %d, but %d more follow", from.position(), from.remaining());
    }
    return row;
  }

  /** The names of all fields of the record, in its order. */
  Set<String> allFields() {
    return allFields;
  }

  /** The names of those fields that always hold a single value or a list of single values. */
  Set<String> flatFields() {
    return flatFields;
  }

  private static Set<String> fieldNames(Schema schema, Predicate<Schema.Field> wanted) {
    Set<String> names = new LinkedHashSet<>();
    schema.getFields().stream().filter(wanted).map(Schema.Field::name).forEach(names::add);
    return Collections.unmodifiableSet(names);
  }

  private boolean isFlat(Schema schema) {
    return switch (schema.getType()) {
      case RECORD, MAP -> false;
      case ARRAY -> isSingle(schema.getElementType());
      case UNION -> !isExtracted(schema) && schema.getTypes().stream().allMatch(this::isFlat);
      default -> true;
    };
  }

  private boolean isSingle(Schema schema) {
    return switch (schema.getType()) {
      case RECORD, MAP, ARRAY -> false;
      case UNION -> !isExtracted(schema) && schema.getTypes().stream().allMatch(this::isSingle);
      default -> true;
    };
  }

  private boolean isExtracted(Schema union) {
    return options.extractUnionsByType()
        && union.getTypes().stream().filter(member -> member.getType() != Schema.Type.NULL).count() > 1;
  }

  private ValueReader reader(Schema schema) {
    boolean asText = options.binaryAsString();
    return switch (schema.getType()) {
      case NULL -> from -> null;
      case BOOLEAN -> AvroBytes::readBoolean;
      case INT -> AvroBytes::readInt;
      case LONG -> AvroBytes::readLong;
      case FLOAT -> AvroBytes::readFloat;
      case DOUBLE -> AvroBytes::readDouble;
      case STRING -> AvroBytes::readString;
      case BYTES -> from -> from.readBinary(asText);
      case FIXED -> {
        int size = schema.getFixedSize();
        yield from -> from.readFixed(size, asText);
      }
      case ENUM -> {
        String[] symbols = schema.getEnumSymbols().toArray(new String[0]);
        yield from -> symbols[from.readIndex(symbols.length, "symbol")];
      }
      case ARRAY -> arrayReader(reader(schema.getElementType()));
      case MAP -> mapReader(reader(schema.getValueType()));
      case UNION -> unionReader(schema);
      case RECORD -> recordReader(schema);
    };
  }

  private static ValueReader arrayReader(ValueReader item) {
    return from -> {
      List<Object> list = new ArrayList<>();
      for (long count = from.readBlockCount(); count > 0; count = from.readBlockCount()) {
        for (long i = 0; i < count; i++) {
          int start = from.position();
          list.add(item.read(from));
          from.countItem(start);
        }
      }
      return list;
    };
  }

  private static ValueReader mapReader(ValueReader value) {
    return from -> {
      Map<String, Object> map = new LinkedHashMap<>();
      for (long count = from.readBlockCount(); count > 0; count = from.readBlockCount()) {
        for (long i = 0; i < count; i++) {
          String key = from.readString();
          map.put(key, value.read(from));
        }
      }
      return map;
    };
  }

  private ValueReader unionReader(Schema union) {
    List<Schema> types = union.getTypes();
    Function<Schema, ValueReader> member = isExtracted(union) ? this::namedMember : this::reader;
    ValueReader[] members = types.stream().map(member).toArray(ValueReader[]::new);
    return from -> members[from.readIndex(members.length, "union member")].read(from);
  }

  private ValueReader namedMember(Schema type) {
    ValueReader value = reader(type);
    if (type.getType() == Schema.Type.NULL) {
      return value;
    }
    AvroRow.Fields name = new AvroRow.Fields(new String[] {type.getName()});
    return from -> new AvroRow(name, new Object[] {value.read(from)});
  }

  /** One reader for each record schema: a schema may hold itself. */
  private RecordReader recordReader(Schema schema) {
    RecordReader known = records.get(schema);
    if (known != null) {
      return known;
    }
    List<Schema.Field> fields = schema.getFields();
    RecordReader made = new RecordReader(fields.stream().map(Schema.Field::name).toArray(String[]::new));
    records.put(schema, made);
    for (int i = 0; i < made.readers.length; i++) {
      made.readers[i] = reader(fields.get(i).schema());
    }
    return made;
  }

  private static final class RecordReader implements ValueReader {
    private final AvroRow.Fields fields;
    private final ValueReader[] readers;

    RecordReader(String[] names) {
      fields = new AvroRow.Fields(names);
      readers = new ValueReader[names.length];
    }

    @Override
    public AvroRow read(AvroBytes from) {
      from.enterRecord();
      Object[] values = new Object[readers.length];
      int i = 0;
      try {
        for (; i < readers.length; i++) {
          values[i] = readers[i].read(from);
        }
      } catch (BadRecordException problem) {
        throw problem.inside(fields.name(i));
      }
      from.leaveRecord();
      return new AvroRow(fields, values);
    }
  }
}
