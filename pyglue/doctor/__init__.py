"""What would keep the stack from starting on this machine, found before a start: `pyglue doctor`."""
