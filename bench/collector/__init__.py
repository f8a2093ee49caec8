"""`make bench-collector`: what one event costs the collector, from the socket to Kafka's acknowledgement.

Law of this package: one run is one collector with a topic of its own, warm before the clock starts. A request counts
only if it was answered with success, and every one that was must lie in Kafka: a difference is an error, not a
figure. Requests are rendered to bytes beforehand and sent by a process of its own, to 127.0.0.1 only, bounded in
number and time.
"""
