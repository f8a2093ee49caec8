"""Several processes that are one collector."""
