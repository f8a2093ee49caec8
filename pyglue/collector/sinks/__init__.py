"""The places where records go."""
