"""The public face: options, exit codes, one line for a mistake, one object for `--json`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.processes import (
    harvester,
    one_object,
    refused,
)

COMMANDS = ("backfill", "fetch", "import", "verify", "status", "demo")
QUICK = ("--rate", "1000", "--concurrency", "4")
NOWHERE = ("--site-origin", "http://127.0.0.1:1")


# --- help and usage ---


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, tmp_path: Path) -> None:
    """Every command explains itself with examples that name it."""
    told = harvester(command, "--help", cwd=tmp_path)

    assert (told.returncode, told.stderr) == (0, "")
    assert f"harvester {command}" in told.stdout.partition("examples:")[2]
    assert "--site-origin URL" in told.stdout


def test_help_of_all(tmp_path: Path) -> None:
    """The help names every command and every exit code."""
    told = harvester("--help", cwd=tmp_path)

    assert told.returncode == 0
    for word in (*COMMANDS, "65", "69", "74", "75", "130"):
        assert word in told.stdout


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        (("backfill", "--sinse", "7d"), "--since"),
        (("backfill", "--section=realtime", "--limitt=3"), "--limit"),
        (("backfill", "--site-orign", "http://127.0.0.1:1"), "--site-origin"),
        (("verify", "--repare"), "--repair"),
        (("--sedes=x", "status"), "--seeds"),
        (("status", "--jsn"), "--json"),
    ],
)
def test_unknown_option(wrong: tuple[str, ...], near: str, tmp_path: Path) -> None:
    """An unknown option ends with 2 and one line that names the nearest one."""
    refused(harvester(*wrong, cwd=tmp_path), 2, f"did you mean {near}?")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ((), "COMMAND"),
        (("backfil",), "backfill"),
        (("fetch",), "URL"),
        (("import",), "PATH"),
        (("backfill", "--source", "rss"), "sitemap"),
        (("backfill", "--source", "urls"), "--urls-from"),
        (("backfill", "--source", "listing", "--urls-from", "x.txt"), "--urls-from"),
        (("backfill", "--since", "yesterday"), "--since: 'yesterday'"),
        (("backfill", "--until", "2021-02-30"), "--until: '2021-02-30'"),
        (("backfill", "--since", "7x"), "--since: '7x'"),
        (("backfill", "--since", "99999y"), "--since: '99999y'"),
        (("backfill", "--since", ""), "--since"),
        (("backfill", "--since", "2022-01-01", "--until", "2021-12-31"), "2021-12-31"),
        (("backfill", "--since", "1d", "--until", "1m"), "--since"),
        (("backfill", "--limit", "-1"), "--limit"),
        (("backfill", "--limit", "many"), "--limit"),
        (("backfill", "--rate", "0"), "--rate"),
        (("backfill", "--rate", "nan"), "--rate"),
        (("backfill", "--concurrency", "1.5"), "--concurrency"),
        (("backfill", "--body", "dirty"), "'dirty'"),
        (("backfill", "--seeds", ""), "--seeds"),
        (("backfill", "--urls-from", "missing.txt"), "missing.txt"),
        (("backfill", "--urls-from", "."), "--urls-from ."),
        (("backfill", "--site-origin", "ftp://127.0.0.1"), "ftp://127.0.0.1"),
        (("backfill", "--site-origin", "127.0.0.1:80"), "127.0.0.1:80"),
        (("--config", "missing.toml", "status"), "missing.toml"),
        (("--config", ".", "status"), "."),
        (("import", "missing"), "missing"),
    ],
)
def test_wrong_usage(wrong: tuple[str, ...], words: str, tmp_path: Path) -> None:
    """What cannot be used ends with 2 and one line that names it."""
    named = {"HARVESTER_CONTACT": "mail@example.org"}
    refused(harvester(*wrong, cwd=tmp_path, environ=named), 2, words)


def test_unreadable_text_of_addresses(tmp_path: Path) -> None:
    """A line that is no text is rejected like any other address; an empty list is wrong usage."""
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbf# list\n\xff\xfe\n")
    ended = harvester("backfill", "--urls-from", "list", *NOWHERE, "--json", cwd=tmp_path)
    assert (ended.returncode, one_object(ended.stdout)["rejected"]) == (0, 1)

    (tmp_path / "list").write_text("# nothing\n\n")
    ended = harvester("backfill", "--urls-from", "list", *NOWHERE, cwd=tmp_path)
    assert ended.returncode == 2
    assert "no addresses" in ended.stderr


# --- settings ---


def test_global_options_before_and_after(tmp_path: Path, origin: str) -> None:
    """Global options mean the same in front of a command and behind it."""
    for number, line in enumerate(
        (
            ("--seeds", "s0", "--state", "t0", "--site-origin", origin, "backfill"),
            ("backfill", "--seeds", "s1", "--state", "t1", "--site-origin", origin),
            ("--seeds", "s2", "backfill", "--state", "t2", f"--site-origin={origin}"),
        )
    ):
        ended = harvester(*line, *QUICK, "--json", cwd=tmp_path)
        assert (ended.returncode, one_object(ended.stdout)["new"]) == (0, 5)
        assert len(list((tmp_path / f"s{number}").rglob("*.md"))) == 5
        assert (tmp_path / f"t{number}" / "harvester.db").is_file()


def test_flag_then_variable_then_file(tmp_path: Path, origin: str) -> None:
    """A flag goes before the environment, the environment before harvester.toml."""
    (tmp_path / "harvester.toml").write_text(
        f'seeds = "of-file"\nstate = "of-file-too"\nrate = 1000\nsite_origin = "{origin}"\n'
    )
    ended = harvester(
        *("backfill", "--seeds", "of-flag"),
        cwd=tmp_path,
        environ={"HARVESTER_SEEDS": "of-variable", "HARVESTER_STATE": "of-variable"},
    )

    assert ended.returncode == 0, ended.stderr
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"harvester.toml", "of-flag", "of-variable"}
    assert (tmp_path / "of-variable" / "harvester.db").is_file()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('sedes = "x"\n', "unknown key 'sedes'; did you mean 'seeds'?"),
        ("rate = \n", "no valid TOML"),
        ('rate = "quick"\n', "harvester.toml: rate: 'quick'"),
        ("rate = true\n", "harvester.toml: rate"),
        ("seeds = 3\n", "harvester.toml: seeds"),
        ("sections = [1]\n", "harvester.toml: sections"),
        ('[harvester]\nseeds = "x"\n', "unknown key 'harvester'"),
    ],
)
def test_wrong_settings_file(text: str, words: str, tmp_path: Path) -> None:
    """A harvester.toml with a wrong key or value ends with 2, named with the file."""
    (tmp_path / "harvester.toml").write_text(text)

    refused(harvester("status", cwd=tmp_path), 2, words)


def test_wrong_variable(tmp_path: Path) -> None:
    """A variable that cannot be used is named."""
    ended = harvester("status", cwd=tmp_path, environ={"HARVESTER_RATE": "fast"})
    refused(ended, 2, "HARVESTER_RATE: 'fast'")
