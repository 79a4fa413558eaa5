"""Keep a copy of the archive's posts with the help of `harvester changes` and one number.

Run it where `seeds/` and `state/` are; the copy is made in `copy/`, the number of the last change
that is in it lies in `copy.seq`, and in `copy.tmp` what is on its way.

It may be killed at any moment, and started again: a post arrives in one step, the number after it
in one step, so at worst one post is copied twice. What it copies is the post as it stands, which
may be newer than the change it has heard of; that change is still to come.
"""

import json
import shutil
import sys
from pathlib import Path
from subprocess import PIPE, Popen

seeds, copy, number, arriving = map(Path, ("seeds", "copy", "copy.seq", "copy.tmp"))
since = number.read_text() if number.exists() else "0"
changes = Popen(["harvester", "changes", "--since", since, "--follow"], stdout=PIPE)
for change in map(json.loads, changes.stdout):
    (copy / change["path"]).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(seeds / change["path"], arriving).replace(copy / change["path"])
    print(change["seq"], change["op"], change["path"], flush=True)
    arriving.write_text(str(change["seq"]))
    arriving.replace(number)
sys.exit(changes.wait())
