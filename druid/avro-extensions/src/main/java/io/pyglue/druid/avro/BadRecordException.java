package io.pyglue.druid.avro;

import java.util.Locale;

/**
 * These bytes were not written with this schema. Thrown while a record is decoded and turned into Druid's
 * parse exception by the reader. It carries no stack trace: a topic may be full of bad records.
 */
final class BadRecordException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final String field;

  private BadRecordException(String field, String problem) {
    super(problem, null, false, false);
    this.field = field;
  }

  static BadRecordException of(String format, Object... arguments) {
    return new BadRecordException("", String.format(Locale.ROOT, format, arguments));
  }

  /** The same problem, seen from the record whose field {@code name} holds it. */
  BadRecordException inside(String name) {
    return new BadRecordException(field.isEmpty() ? name : name + "." + field, super.getMessage());
  }

  @Override
  public String getMessage() {
    return field.isEmpty() ? super.getMessage() : "field " + field + ": " + super.getMessage();
  }
}
