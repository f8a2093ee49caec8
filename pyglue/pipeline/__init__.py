"""What pyglue asks of the running services: topic, supervisor, rows, charts, and the proof that an event arrived."""
