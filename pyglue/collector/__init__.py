"""The collector: browsers' events in over HTTP, Avro records out to Kafka; a drop-in for Divolte Collector 0.9.0.

The core is pure and knows neither sockets nor clocks: `query`, `checksum`, `identifiers`, `mincode`, `event`,
`duplicates`, `mapping`, `schema`, `config`, `routes`, `answers`, `http1` (requests out of bytes; `plain_head` is its fast
way). The rim is thin: `connection` (bytes of one client), `kafka_sink` (the producer), `server` (start, signals, end).
`app` joins both and is handed its clock and its sinks.

The service runs in an environment of its own: this package imports the standard library, the collector's few
dependencies and `pyglue.errors`, and nothing else of pyglue.
"""
