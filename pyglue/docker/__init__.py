"""The Docker engine: the same service folders as containers, by Docker Compose."""
