"""What is wrong, at which hop, and what to type: one look at everything, and findings from what was seen.

    facts.py      what is asked, all at once and with little patience
    findings.py   from facts to findings: pure, so that each fault is a test of ten lines
    parts.py      the pipeline's parts as `status` shows them
    notes.py      what is not wrong and worth a word

`status`, `trace` and `reconcile` tell the same findings: a new kind of fault is added here, once.
"""
