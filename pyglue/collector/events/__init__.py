"""Events: what a browser or a JSON source says, read as Divolte reads it."""
