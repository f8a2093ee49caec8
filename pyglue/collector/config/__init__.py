"""The configuration: `divolte-collector.conf` and what it says, as typed values."""
