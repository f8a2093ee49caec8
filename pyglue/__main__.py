"""`python -m pyglue` is `pyglue`."""

from pyglue.cli import main

main()
