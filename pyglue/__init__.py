"""pyglue: a real-time clickstream analytics stack, up with one command and proved end to end."""

__version__ = "0.1.0"
ENGINES = ("auto", "docker", "native")
