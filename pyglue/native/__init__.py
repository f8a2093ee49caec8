"""The native engine: the same service folders as ordinary processes on the loopback interface."""
