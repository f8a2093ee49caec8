"""Becomes a service: reads its program, asks to die with supervisord, and executes `start`.

Run by supervisord as `python -I -S launch.py PROGRAM.json`; the standard library only, since every service pays
for its start. The environment comes from the file because supervisord's own syntax has no way to write some
values (both kinds of quotes, percent signs).
"""

import ctypes
import json
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2): the signal this process gets when its parent ends; kept across exec


def main(path: str) -> None:
    """Execute the program described in the file `path`; only returns by raising."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("supervisord ended before the service had started")
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs 10 ms of each start
        program = json.load(file)
    for folder in program["makes"]:
        os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103
    os.chdir(program["directory"])
    os.execve(program["argv"][0], program["argv"], program["environment"])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1])
