"""What is counted and measured, and who is told."""
