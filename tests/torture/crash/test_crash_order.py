"""What a power loss would take, by the order of the calls: nothing that was acknowledged."""

from __future__ import annotations

import shutil

import pytest

from tests.support.figures import FULL, Figures
from tests.torture.crash.operations import NEXT_RUN, STARTS, WORK
from tests.torture.crash.order import Disk
from tests.torture.crash.tracer import Tracer

OPERATIONS = [name for name in (*STARTS, *WORK) if name != NEXT_RUN]


def played(tracer: Tracer, name: str, variant: str = "") -> Disk:
    """Run an operation and return the disk after it."""
    root = tracer.copy(name)
    disk = Disk.of(tracer.before(name)[0], root)
    ended = tracer.run(name, root, variant=variant)
    assert ended.status == 0, ended.error
    disk.play(ended.calls)
    return disk


@pytest.mark.gate("M2", "order of calls for power loss")
def test_order(tracer: Tracer, figures: Figures) -> None:
    """Files are synced before they are renamed, all names before the catalogue says so.

    The manifest, the feeds and the snapshots are held to it as well.
    """
    disks = {name: played(tracer, name) for name in OPERATIONS}

    # Nothing is acknowledged by a start; the journal that it has used up may come back and is
    # used once more.
    disks["start"].unsafe_folders.discard(str(disks["start"].root / "state"))
    left = [each for disk in disks.values() for each in disk.unsafe()]
    faults = [each for disk in disks.values() for each in disk.faults]
    steps = sum(disk.renames + disk.commits for disk in disks.values())
    figures.none("renames and commits out of order", len(faults), of=steps)
    figures.none("operations that leave something unsynced", len(left), of=len(disks))
    written = [name for name in OPERATIONS if name not in {"start", "first start", "gone story"}]
    assert all(disks[name].renames for name in written), "each writes files"


@pytest.mark.gate("M1 M2", "order of calls for power loss")
@pytest.mark.parametrize("name", ["new story", "pages", "revision of an edited post", "sweep"])
def test_order_after_a_kill(tracer: Tracer, figures: Figures, name: str) -> None:
    """What a killed writer had not synced the next run has, before it commits anything on it."""
    calls = tracer.run(name, tracer.copy(name)).calls
    # SQLite uses `fdatasync`: these are the syncs that are ours.
    planned = [call for call in calls if FULL or call.name == "fsync"]
    came, faults, commits = 0, [], 0
    for call in planned:
        root = tracer.copy(name)
        disk = Disk.of(tracer.before(name)[0], root)
        killed = tracer.run(name, root, kill=call)
        disk.play(killed.calls)
        after = tracer.run(NEXT_RUN, root, follow=True)
        disk.play(after.calls)
        came += (killed.status, after.status) == (-9, 0)
        faults += [*disk.faults, *disk.unsafe()]
        commits += disk.commits
        shutil.rmtree(root)

    figures.all(f"{name}: kills that came of those planned", came, of=len(planned))
    figures.none("commits after a kill over what is unsynced", len(faults), of=commits)


@pytest.mark.gate("M2", "wrong-order control run")
@pytest.mark.parametrize("variant", ["rename without fsync", "folders not synced"])
def test_a_missing_sync_is_seen(tracer: Tracer, figures: Figures, variant: str) -> None:
    """What no kill can show is seen in the order of the calls."""
    disks = [played(tracer, name, variant) for name in ("new story", "revision", "group of 50")]

    faults = sum(bool(disk.faults and disk.unsafe()) for disk in disks)
    figures.all(f"{variant}: seen in the order of the calls", faults, of=len(disks))
