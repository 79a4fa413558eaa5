"""`harvester hooks`: state, log, delivery by hand and replay, for people and for programs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harvester.cli.main import main
from tests.handoff.hooks.support import publish

_HOOKS = """
[[hooks]]
name = "site"
command = "sh -c 'cat >> {got}; test $HARVESTER_LAST_SEQ -lt 3 || {{ echo no >&2; exit 4; }}'"

[[hooks]]
name = "shop"
url = "http://me.example/hush"
secret = "hush-hush-hush-hush-hush-hush"
"""
_NEW = (
    "{0}: new; it begins with what comes from now on "
    "(`harvester hooks replay {1} --since 0`: with all there is)\n"
)
Told = Callable[..., tuple[int, str, str]]


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """Return what runs `harvester hooks` in an archive of three changes; no secret is shown."""
    config, seeds, state = (str(tmp_path / name) for name in ("harvester.toml", "seeds", "state"))
    Path(config).write_text(_HOOKS.format(got=tmp_path / "got"), "utf-8")
    asyncio.run(publish(tmp_path, 1, 2, 3))

    def run(*words: str) -> tuple[int, str, str]:
        place = ["--config", config, "--seeds", seeds, "--state", state]
        code = main([*place, "hooks", *words])
        out, err = capsys.readouterr()
        assert "hush" not in out + err
        return code, out, err

    return run


def _object(told: Told, *words: str, code: int = 0) -> Any:  # noqa: ANN401 - JSON
    ended, out, err = told(*words, "--json")
    assert (ended, err, out.count("\n")) == (code, "", 1)
    return json.loads(out)


def test_hooks_that_are_new(told: Told) -> None:
    """Before anything was delivered it is said where they will begin; looking changes nothing."""
    for _ in range(2):
        assert told() == (
            0,
            _NEW.format("site (sh)", "site") + _NEW.format("shop (http://me.example)", "shop"),
            "",
        )
    (shop,) = _object(told, "status", "shop")["hooks"]
    assert (shop["name"], shop["position"], shop["behind"]) == ("shop", None, 0)


def test_the_whole_way(told: Told, tmp_path: Path) -> None:
    """Replay sets the hook back, delivery by hand goes as far as it can, state and log tell it."""
    code, out, _ = told("replay", "site", "--since", "1")
    assert (code, out.partition(";")[0]) == (0, "site: 2 changes after 1 will be delivered")
    assert told("deliver", "site") == (
        1,
        "site: 1 changes delivered in 1 messages, has had all up to 2; given up, 1 wait: exit 4\n",
        "",
    )
    lines = (tmp_path / "got").read_text("utf-8").splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [2, 3, 3, 3]

    (site,) = _object(told, "status", "site")["hooks"]
    assert {"position": 2, "behind": 1, "problem": "exit 4", "attempts": 3}.items() <= site.items()
    assert site["failing_since"] < site["next_try"]
    line = told("status", "site")[1]
    assert line.startswith("site (sh): has had all up to 2, 1 behind, last delivery 20")
    assert "; fails since 20" in line
    assert line.endswith(": exit 4\n")

    entries = _object(told, "log", "site")["deliveries"]
    assert [one["outcome"] for one in entries] == ["delivered", *["exit 4"] * 3]
    assert [(one["first_seq"], one["attempt"], one["output"]) for one in entries] == [
        (2, 1, ""),
        *((3, n, "no") for n in (1, 2, 3)),
    ]
    assert len({one["message"] for one in entries}) == 2
    shown = told("log")[1].splitlines()
    assert len(shown) == 4
    assert shown[-1].endswith(": exit 4 · no")


def test_deliver_meets_a_new_hook(told: Told, tmp_path: Path) -> None:
    """A hook never seen before is told so, once, with where it begins; nothing is delivered."""
    code, out, err = told("deliver", "site")

    assert (code, err) == (0, "")
    assert out == (
        "site: seen for the first time; begins after change 3; "
        "`harvester hooks replay site --since 0` brings all there was\n"
    )
    assert told("deliver", "site")[1] == (
        "site: 0 changes delivered in 0 messages, has had all up to 3\n"
    )
    assert not (tmp_path / "got").exists()
    (shop,) = _object(told, "deliver", "shop")["hooks"]
    assert {"new": True, "position": 3, "behind": 0, "problem": ""}.items() <= shop.items()


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_deliver_cannot_write(told: Told, tmp_path: Path, flags: tuple[str, ...]) -> None:
    """A state folder that cannot be written is trouble of the disk, in a line; exit code 74."""
    (tmp_path / "state" / "hook-site.lock").mkdir()

    code, out, err = told("deliver", *flags)

    assert (code, out, err.count("\n")) == (74, "", 1)
    assert "hook-site.lock" in err


def test_deliver_cannot_remember(told: Told, tmp_path: Path) -> None:
    """So is a file of positions that cannot be opened."""
    (tmp_path / "state" / "consumers.db").mkdir()

    code, out, err = told("deliver")

    assert (code, out, err.count("\n")) == (74, "", 1)
    assert "consumers.db" in err


def test_a_replay_tells_how_much(told: Told) -> None:
    """`--json` has the hook's position and how many changes it has before it."""
    assert _object(told, "replay", "shop", "--since", "0") == {
        "name": "shop",
        "position": 0,
        "behind": 3,
    }
    assert _object(told, "status", "shop")["hooks"][0]["behind"] == 3


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("status", "sit"), "there is no hook 'sit'; did you mean 'site'?"),
        (("replay",), "replay needs the name of a hook, and --since SEQ"),
        (("replay", "site"), "replay needs the name of a hook, and --since SEQ"),
        (("replay", "--since", "1"), "replay needs the name of a hook, and --since SEQ"),
        (("deliver", "--since", "1"), "--since is for replay, not for deliver"),
    ],
)
def test_wrong_usage(told: Told, words: tuple[str, ...], problem: str) -> None:
    """What cannot be done is told in a line; exit code 2."""
    assert told(*words) == (2, "", f"harvester: {problem}\n")


def test_a_replay_after_an_entry_that_is_not_there(told: Told) -> None:
    """A number that the change log does not have is the trouble it is elsewhere; exit code 65."""
    code, out, err = told("replay", "site", "--since", "4")

    assert (code, out, err.count("\n")) == (65, "", 1)
    assert "the change log has no entry 4" in err
    assert told("status", "site")[1] == _NEW.format("site (sh)", "site")


@pytest.mark.parametrize("action", ["status", "log"])
def test_looking_makes_nothing(told: Told, tmp_path: Path, action: str) -> None:
    """Who only looks leaves the state folder as it is."""
    before = sorted((tmp_path / "state").iterdir())

    assert told(action)[0] == 0
    assert sorted((tmp_path / "state").iterdir()) == before


@pytest.mark.parametrize("action", ["status", "deliver", "log"])
def test_without_hooks(told: Told, tmp_path: Path, action: str) -> None:
    """Where no hooks are set it is said how to set some; that is no failure."""
    (tmp_path / "harvester.toml").write_text("")

    code, out, err = told(action)

    assert (code, err) == (0, "")
    assert out == (
        "" if action == "log" else "no hooks are set; [[hooks]] in harvester.toml sets them\n"
    )


@pytest.mark.parametrize("words", [("status",), ("deliver",), ("log",), ("replay", "site")])
def test_without_an_archive(told: Told, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Where there is no catalogue nothing is made; exit code 65."""
    state = tmp_path / "other"
    since = ("--since", "0") if words[0] == "replay" else ()

    code, out, err = told(*words, *since, "--state", str(state))

    assert (code, out) == (65, "")
    assert "there is no catalogue yet" in err
    assert not state.exists()
