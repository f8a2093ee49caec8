"""Divolte's own schema and mapping, for mappings of the configuration that name no files of theirs."""
