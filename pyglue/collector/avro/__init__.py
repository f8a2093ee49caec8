"""Avro: schemas, values in its binary encoding, and JSON onto its types."""
