"""Events that were answered before Kafka acknowledged them, on disk until it does.

entries.py   a record in a file, with length and checksum
store.py     the files: written in groups, bounded, removed when Kafka has all that is in them
recovery.py  what a life before left, and what of it is in Kafka already
sink.py      the producer with a spool beside it: what the rest of the collector sees
"""
