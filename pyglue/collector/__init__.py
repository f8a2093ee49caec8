"""The collector: browsers' events in over HTTP, Avro records out to Kafka; a drop-in for Divolte Collector 0.9.0.

`app` is the middle: what a request gets. It is handed its clock and its sinks, and knows no sockets. `recording` makes
records of what comes to its `sources`. Around it, a room each:

- `http`: from a socket's bytes to a request, and an answer's bytes back; who has how much room and time.
- `events`: from a request to an event: the tag's query, mincode, JSON bodies, identifiers, privacy.
- `mapping`, `values`: the mapping language, and what its functions and paths can ask of an event.
- `avro`: schemas, and an event's record in bytes.
- `sinks`, `spool`, `bad`: where a record goes, what waits on disk for Kafka, and what became no record. `delivery` knows
  which events are on their way, `duplicates` which were seen.
- `counting`: the ledger, times, counts per minute, and Prometheus' page.
- `config`: the configuration's files as typed values; `loading` makes an app of them, `check` without starting it.
- `workers`: several processes that are one collector. `server` is the life of one: start, signals, end.
- `tag`: the script on the page.

The service runs in an environment of its own: this package imports the standard library, the collector's few
dependencies, and of pyglue what its `Dockerfile` copies.
"""
