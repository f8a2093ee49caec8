package io.pyglue.druid.avro;

/**
 * How Avro's values become Druid's.
 *
 * @param binaryAsString bytes and fixed are text in UTF-8 instead of being shown in base64
 * @param extractUnionsByType a value of a union with two or more members besides null becomes a map with one
 *     entry, the name of the member's type
 */
record ValueOptions(boolean binaryAsString, boolean extractUnionsByType) {}
