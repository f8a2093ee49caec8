"""HTTP: from sockets to requests, and from answers to bytes."""
