"""`make soak`: the collector's promise under faults. Each event that was answered with success is in Kafka, once.

__main__.py  the rounds, and what is told of them
faults.py    what goes wrong in a round, drawn from a seed
world.py     a Kafka and a collector that can be killed, stopped and started
sender.py    a load of events, and what was answered to each
audit.py     what is in Kafka, against what was answered
"""
