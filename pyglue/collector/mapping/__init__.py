"""`mapping.groovy`: which value of an event goes into which field of the record.

`tokens` cuts the text, `parser` builds statements, `producers` knows what may be asked of an event and of which type
it is, `compiler` checks the statements against the Avro schema and makes one Python function of them that writes a
record's bytes. A construct is known to all four or refused with its line and column.
"""
