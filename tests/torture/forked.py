"""Many processes of the program at the price of one start: `forked.py FOLDER`.

Of each line of standard input, a list of command lines as JSON, a process each is forked, all at
once; what they print goes to FOLDER/PID.out and FOLDER/PID.err. Told is the list of their ids, then
`[id, exit code]` for each as it ends.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from pathlib import Path

# So that no process has to import it.
from harvester import runs
from harvester.cli import (
    backfill_command,
    daemon_command,
    fetch_command,
    import_command,
    verify_command,
)
from harvester.cli.main import main

PRELOADED = (
    runs,
    backfill_command,
    daemon_command,
    fetch_command,
    import_command,
    verify_command,
)


def be(command: list[str], folder: Path) -> None:
    """Be a process of the program; does not return."""
    for number, name in ((1, "out"), (2, "err")):
        target = os.open(folder / f"{os.getpid()}.{name}", os.O_WRONLY | os.O_CREAT, 0o644)
        os.dup2(target, number)
    code = 1
    try:
        code = main(command)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def tell(told: object) -> None:
    """Write a line for whoever drives this."""
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


def serve(folder: Path) -> None:
    """Fork what each line asks for and wait for it."""
    for line in sys.stdin:
        pids = []
        for command in json.loads(line):
            pid = os.fork()
            if not pid:
                be(command, folder)
            pids.append(pid)
        tell(pids)
        for _ in pids:
            pid, status = os.wait()
            tell([pid, os.waitstatus_to_exitcode(status)])


if __name__ == "__main__":
    gc.freeze()
    serve(Path(sys.argv[1]))
