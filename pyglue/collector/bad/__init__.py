"""Bad events: those that were answered with success although a record of them could not be made, kept with the reason.

The ledger calls events that got 503 refused; these are others, for their clients won't try again. What the visitor does not
want recorded is never among them, nor what a configuration leaves out on purpose: duplicates, and sources without a mapping.

`entries` is their form, `folder` the files, `keeping` what the collector does with them while it serves.
"""
