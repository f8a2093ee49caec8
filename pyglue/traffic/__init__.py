"""Visitors that are known: simulated traffic for the collector, and the truth about it.

The core is pure, and the same for the same seed: `site` (what there is to see), `people` (who comes), `visits` (what
they do, and when), `schedule` and `crowd` (how many at once), `faults` (what goes wrong on the way), `wire` (the bytes
that a browser would send). The rim sends and remembers: `sender` and `live` (HTTP), `history` (Kafka), `truth` (the
file). `ledger` and `verify` ask the same questions of the truth and of Druid.
"""
