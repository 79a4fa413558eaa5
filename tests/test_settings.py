"""Settings: every row of the table from every source, and what is wrong with a wrong one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harvester.errors import UsageError
from harvester.model import BodyMode
from harvester.settings import OPTIONS, Address, Hook, Option, Settings, load

# For each option: its default, and a value as text, as TOML, and as understood.
ROWS: dict[str, tuple[object, str, str, object]] = {
    "seeds": (Path("seeds"), "/srv/posts", '"/srv/posts"', Path("/srv/posts")),
    "state": (Path("state"), "var/state", '"var/state"', Path("var/state")),
    "site_origin": (
        None,
        "http://127.0.0.1:8080",
        '"http://127.0.0.1:8080"',
        "http://127.0.0.1:8080",
    ),
    "wayback_origin": (None, "http://[::1]:80", '"http://[::1]:80"', "http://[::1]:80"),
    "commoncrawl_origin": (None, "http://[::1]:80", '"http://[::1]:80"', "http://[::1]:80"),
    "contact": ("", " ops@a.example ", '"ops@a.example"', "ops@a.example"),
    "rate": (1.0, "0.25", "0.25", 0.25),
    "concurrency": (1, "4", "4", 4),
    "body": (BodyMode.CLEAN, "verbatim", '"verbatim"', BodyMode.VERBATIM),
    "sections": (
        (),
        "realtime/china, /news/world/,realtime/china,",
        '["realtime/china", "news/world"]',
        ("realtime/china", "news/world"),
    ),
    "raw": (True, "off", "false", False),
    "http": (Address("127.0.0.1", 8710), "[::1]:9000", '"[::1]:9000"', Address("::1", 9000)),
    "log_format": ("text", "json", '"json"', "json"),
    "log_level": ("info", "debug", '"debug"', "debug"),
    "snapshots": (7, "0", "0", 0),
    "min_free": (2**30, "500MB", "500_000_000", 500_000_000),
    "alarm_command": (
        (),
        "/usr/bin/mail -s 'zaobao  drifts' ops",
        "\"/usr/bin/mail -s 'zaobao  drifts' ops\"",
        ("/usr/bin/mail", "-s", "zaobao  drifts", "ops"),
    ),
    "hooks": (
        (),
        '[{"name": "site", "command": "make -C \'/srv/my site\'", "batch": 100}]',
        '[{name = "site", command = "make -C \'/srv/my site\'", batch = 100}]',
        (Hook("site", ("make", "-C", "/srv/my site"), batch=100),),
    ),
}
# Values no source may give, as text and as TOML.
BAD: dict[str, tuple[str, str]] = {
    "seeds": ("  ", "3"),
    "state": ("", "[]"),
    "site_origin": ("", "5"),
    "wayback_origin": ("", "5"),
    "commoncrawl_origin": ("", "5"),
    "contact": ("", "true"),
    "rate": ("fast", "true"),
    "concurrency": ("2.5", '"many"'),
    "body": ("raw", "1"),
    "sections": ("", "[1]"),
    "raw": ("no", "1"),
    "http": ("8710", "8710"),
    "log_format": ("xml", "true"),
    "log_level": ("INFO", "3"),
    "snapshots": ("-1", "1.5"),
    "min_free": ("1XB", "true"),
    "alarm_command": ("mail 'ops", '["mail", "ops"]'),
    "hooks": ('{"name": "site"}', '["site"]'),
}
_TEXTS = {name for name, (text, _) in BAD.items() if text or name == "state"}

options = pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a configuration file that is still to be written."""
    return tmp_path / "harvester.toml"


def _write(file: Path, text: str) -> Path:
    file.write_text(text, "utf-8")
    return file


def _load(file: Path, text: str = "", flags: Any = None, environ: Any = None) -> Settings:  # noqa: ANN401
    return load(flags or {}, environ or {}, _write(file, text))


def test_every_option_is_tested() -> None:
    """A new row of the table needs a row here; names, flags and variables go together."""
    assert set(ROWS) == set(BAD) == {option.name for option in OPTIONS}
    assert set(Settings.__slots__) == set(ROWS)


@options
def test_defaults(option: Option, file: Path) -> None:
    """What nobody sets has its default."""
    assert ROWS[option.name][0] == getattr(_load(file), option.name)


@options
def test_a_flag_is_read(option: Option, file: Path) -> None:
    """The value of a flag is understood; a flag that is not given is None."""
    _, text, _, value = ROWS[option.name]

    assert value == getattr(_load(file, flags={option.name: text}), option.name)
    assert ROWS[option.name][0] == getattr(_load(file, flags={option.name: None}), option.name)


@options
def test_a_variable_is_read(option: Option, file: Path) -> None:
    """The environment names the option in capitals after the program's name."""
    _, text, _, value = ROWS[option.name]
    variable = f"HARVESTER_{option.name.upper()}"

    assert variable == option.variable
    assert value == getattr(_load(file, environ={variable: text}), option.name)


@options
def test_a_key_is_read(option: Option, file: Path) -> None:
    """The file uses the option's name, with TOML's own types."""
    _, _, toml, value = ROWS[option.name]

    assert value == getattr(_load(file, f"{option.name} = {toml}\n"), option.name)


@options
def test_flag_before_variable_before_file(option: Option, file: Path) -> None:
    """The nearer source wins; a wrong value behind it does not matter."""
    _, text, toml, value = ROWS[option.name]
    bad = BAD[option.name][1]
    environ = {option.variable: text}

    assert value == getattr(_load(file, f"{option.name} = {bad}\n", environ=environ), option.name)
    assert value == getattr(
        _load(file, f"{option.name} = {toml}\n", {option.name: text}, {option.variable: "\0"}),
        option.name,
    )


@pytest.mark.parametrize("option", [one for one in OPTIONS if one.name in _TEXTS])
def test_a_bad_flag_or_variable_is_named(option: Option, file: Path) -> None:
    """The message of a wrong value begins with its flag or variable."""
    text = BAD[option.name][0]
    flag = f"--{option.name.replace('_', '-')}"

    with pytest.raises(UsageError, match=f"^{flag}: "):
        _load(file, flags={option.name: text})
    with pytest.raises(UsageError, match=f"^{option.variable}: "):
        _load(file, environ={option.variable: text})


@options
def test_a_bad_key_is_named(option: Option, file: Path) -> None:
    """The message of a wrong value names the file and the key."""
    with pytest.raises(UsageError, match=re.escape(f"{file}: {option.name}: ")):
        _load(file, f"{option.name} = {BAD[option.name][1]}\n")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("rate", text) for text in ("0", "-1", "inf", "nan", "", "1,5", "1/s")),
        *(("concurrency", text) for text in ("0", "-1", "1.5", "", "nan")),
        ("body", "CLEAN"),
        ("body", ""),
        pytest.param("concurrency", "inf"),
        pytest.param("seeds", "~nobody-of-this-name/posts"),
    ],
)
def test_values_at_the_edge(name: str, text: str, file: Path) -> None:
    """Numbers that are none, and folders of nobody, are wrong usage and not a crash."""
    with pytest.raises(UsageError, match=f"^--{name}: "):
        _load(file, flags={name: text})


def test_settings_made_by_hand_have_the_same_defaults(file: Path) -> None:
    """Who makes settings without the table need not name what the daemon alone uses."""
    older = ("seeds", "state", "site_origin", "contact", "rate", "concurrency", "body", "sections")

    assert _load(file) == Settings(**{name: ROWS[name][0] for name in older})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0:80", Address("0.0.0.0", 80)),  # noqa: S104 - only read
        ("localhost:0", Address("localhost", 0)),
        ("[::]:65535", Address("::", 65535)),
        ("status_1.lan:8710", Address("status_1.lan", 8710)),
        ("off", None),
    ],
)
def test_addresses(text: str, address: Address | None, file: Path) -> None:
    """A name or an IP literal with a port, IPv6 in brackets, or nothing; it is told as written."""
    found = _load(file, flags={"http": text}).http

    assert address == found
    assert text == str(found or "off")


@pytest.mark.parametrize(
    "text",
    [
        *("", ":8710", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "a:-1"),
        *("::1:8710", "[127.0.0.1]:8710", "[::1]", "[a]:1", "127.0.0.300:8710", "1.2.3:1"),
        *("http://127.0.0.1:8710", "a b:1", "a/b:1", "-a:1", "a..b:1", "OFF", "on", "a:٣", "ä:1"),
    ],
)
def test_what_is_no_address(text: str, file: Path) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(UsageError, match=r"^--http: .* neither 'off' nor HOST:PORT such as 127"):
        _load(file, flags={"http": text})


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        *(("0", 0), ("1073741824", 2**30), ("7B", 7), ("512k", 2**19), ("1.5 KiB", 1536)),
        *(("500MB", 500_000_000), ("2g", 2**31), ("2GiB", 2**31), ("1tb", 10**12)),
    ],
)
def test_amounts(text: str, amount: int, file: Path) -> None:
    """Bytes are plain or with a unit: MB is a million, MiB and M are 2**20."""
    assert amount == _load(file, flags={"min_free": text}).min_free


@pytest.mark.parametrize("text", ["", "-1", "1e9", "GB", "1 G B", "1PB", "1ib", "nan", "1,5G"])
def test_what_is_no_amount(text: str, file: Path) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(UsageError, match=r"^--min-free: .* no amount of bytes such as 1GiB"):
        _load(file, flags={"min_free": text})


def test_a_command_line_is_split_as_by_a_shell(file: Path) -> None:
    """A quote without its end is told at the start, not when the first alarm comes."""
    with pytest.raises(UsageError, match=r"^--alarm-command: .* no command line: No closing quot"):
        _load(file, flags={"alarm_command": "mail 'ops"})
    with pytest.raises(UsageError, match="NUL"):
        _load(file, flags={"alarm_command": "mail \0"})
    assert _load(file, flags={"alarm_command": "  "}).alarm_command == ()


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("sedes", "seeds"),
        ("stat", "state"),
        ("site-origin", "site_origin"),
        ("contakt", "contact"),
        ("rates", "rate"),
        ("concurency", "concurrency"),
        ("Body", "body"),
        ("section", "sections"),
        ("https", "http"),
        ("log_fromat", "log_format"),
        ("loglevel", "log_level"),
        ("snapshot", "snapshots"),
        ("min-free", "min_free"),
        ("alarm_comand", "alarm_command"),
        ("hook", "hooks"),
    ],
)
def test_an_unknown_key_names_the_nearest(key: str, near: str, file: Path) -> None:
    """A typing error in the file is told with what was meant."""
    with pytest.raises(UsageError, match=f"'{key}'; did you mean '{near}'") as caught:
        _load(file, f"{key} = 1\n")

    assert str(file) in str(caught.value)


@pytest.mark.parametrize("text", ["seeds = ", "= 1", "[seeds", "seeds = 'a'\nseeds = 'b'"])
def test_a_file_that_is_no_toml_is_named(text: str, file: Path) -> None:
    """A broken file is wrong usage; the message names it."""
    with pytest.raises(UsageError, match=f"^{re.escape(str(file))}: no valid TOML"):
        _load(file, text)


def test_a_file_that_is_no_text_is_named(file: Path) -> None:
    """Bytes that are no UTF-8 are no configuration."""
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(UsageError, match="no valid TOML"):
        load({}, {}, file)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A path that cannot be read is told as such."""
    with pytest.raises(UsageError, match="cannot be read"):
        load({}, {}, tmp_path)


def test_a_named_file_must_be_there(file: Path) -> None:
    """A missing file is an error when the flag or the variable names it."""
    with pytest.raises(UsageError, match="no such configuration file"):
        load({}, {}, file)
    with pytest.raises(UsageError, match="no such configuration file"):
        load({}, {"HARVESTER_CONFIG": str(file)})


def test_the_flag_names_the_file_before_the_variable(file: Path) -> None:
    """`--config` goes before HARVESTER_CONFIG."""
    _write(file, "rate = 0.5\n")

    assert load({}, {"HARVESTER_CONFIG": str(file)}).rate == 0.5
    assert load({}, {"HARVESTER_CONFIG": "/nowhere"}, file).rate == 0.5


def test_a_home_folder_is_expanded(file: Path) -> None:
    """`~` stands for the user's home."""
    assert _load(file, flags={"seeds": "~/posts"}).seeds == Path.home() / "posts"


_SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"  # noqa: S105 - unpadded, made up
_WEBHOOK = f"[[hooks]]\nname = 'shop'\nurl = 'https://a.example/x'\nsecret = '{_SECRET}'\n"


def test_hooks_are_tables_at_the_end_of_the_file(file: Path) -> None:
    """Commands and webhooks stand in order, with what is not said by default."""
    site, shop = _load(file, f"[[hooks]]\nname = 'a.b'\ncommand = 'true'\n{_WEBHOOK}").hooks

    assert (site.command, site.url, site.batch, site.timeout) == (("true",), "", 1, 600.0)
    assert (shop.command, shop.url, shop.batch, shop.timeout) == (
        *((), "https://a.example/x", 1),
        30.0,
    )
    assert shop.key == b"secret-secret-secret-secret"
    assert Hook("x", secret="s\u00e9same").key == "s\u00e9same".encode()  # noqa: S106


def test_a_hook_shows_no_secret(file: Path) -> None:
    """Neither the secret nor what an address or a command line may hold of one is shown."""
    (shop,) = _load(file, _WEBHOOK).hooks

    assert _SECRET not in repr(shop)
    assert _SECRET not in repr(_load(file, _WEBHOOK))
    assert shop.target == "https://a.example"
    assert Hook("x", ("curl", "-H", "Authorization: x")).target == "curl"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("command = 'a'", ("hook 1: name",)),
        ("name = 'a b'\ncommand = 'a'", ("hook 1: name",)),
        (f"name = '{'a' * 65}'\ncommand = 'a'", ("hook 1: name",)),
        ("name = 3\ncommand = 'a'", ("hook 1: name",)),
        ("name = 'x'", ("'x'", "command and url")),
        ("name = 'x'\ncommand = ' '", ("'x'", "command and url")),
        (
            f"name = 'x'\ncommand = 'a'\nurl = 'http://a'\nsecret = '{'s' * 24}'",
            ("'x'", "not both"),
        ),
        ("name = 'x'\nurl = 'http://a'", ("'x'", "needs a secret")),
        (f"name = 'x'\ncommand = 'a'\nsecret = '{'s' * 24}'", ("'x'", "a command has none")),
        ("name = 'x'\ncommand = \"a 'b\"", ("'x'", "command", "quot")),
        ("name = 'x'\ncommand = 'a'\nbatch = 0", ("'x'", "batch", "at least 1")),
        ("name = 'x'\ncommand = 'a'\nbatch = 10001", ("'x'", "batch", "more than 10000")),
        ("name = 'x'\ncommand = 'a'\ntimeout = 0", ("'x'", "timeout", "above 0")),
        ("name = 'x'\ncommand = 'a'\ntimeout = true", ("'x'", "timeout")),
        ("name = 'x'\ncomand = 'a'", ("'x'", "'comand'", "did you mean 'command'?")),
        ("name = 'x'\ncommand = 'a'\nrate = 1", ("'x'", "rate", "above the first [[hooks]]")),
        ("name = 'x'\ncommand = 'a'\n[[hooks]]\nname = 'x'\ncommand = 'b'", ("'x'", "2 hooks")),
    ],
)
def test_a_wrong_hook_is_named(table: str, words: tuple[str, ...], file: Path) -> None:
    """File, hook and key are told, and the nearest key to a wrong one."""
    with pytest.raises(UsageError, match=f"^{re.escape(str(file))}: hooks: ") as caught:
        _load(file, f"[[hooks]]\n{table}\n")

    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        *("", "a.example", "ftp://a.example/", "file:///etc/passwd", "http://", "https:///x"),
        *("http://me:hush@a.example/", "http://me@a.example/", "http://a b/", "http://a/ b"),
        *("http://a.example:x/", "http://a.example:99999/", "http://ä.example/", "http://[::1/"),
        *("http://a.example/#x", "http://a\\b/", "http://300.1.1.1/"),
    ],
)
def test_what_is_no_address_of_a_webhook(url: str, file: Path) -> None:
    """Only plain http(s) is; the address itself may hold secrets and is not repeated."""
    environ = {"HARVESTER_HOOKS": json.dumps([{"name": "x", "url": url, "secret": "s" * 24}])}

    with pytest.raises(UsageError, match=r"^HARVESTER_HOOKS: 'x': url: http\(s\)://HOST") as caught:
        _load(file, environ=environ)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://[::1]:80/x?y=z", "HTTPS://A.example:8443", "http://a"])
def test_addresses_of_webhooks(url: str, file: Path) -> None:
    """Hosts are names or IP literals, with or without port, path and query."""
    text = json.dumps([{"name": "x", "url": url, "secret": "s" * 24}])

    assert _load(file, environ={"HARVESTER_HOOKS": text}).hooks[0].url == url


@pytest.mark.parametrize("secret", ["s" * 24, "早" * 24, "whsec_" + "A" * 32, "whsec_" + "A" * 200])
def test_secrets_of_webhooks(secret: str, file: Path) -> None:
    """24 characters of text are enough, and so are 24 bytes as base64."""
    text = json.dumps([{"name": "x", "url": "http://a", "secret": secret}])

    assert _load(file, environ={"HARVESTER_HOOKS": text}).hooks[0].secret == secret


@pytest.mark.parametrize(
    "secret",
    [
        *("", "  ", "whsec_", "whsec_hush!", "whsec_hush=a", 5, ["hush"]),
        *("hush", "hush" + 19 * "!", "hush" + 20 * " ", "hush\ud800" * 6),
        *("whsec_hush", f"whsec_{'hush' * 7}hus"),
    ],
)
def test_a_wrong_secret_is_not_repeated(secret: object, file: Path) -> None:
    """It is told that it is wrong or too short, and how to make one, and not what it is."""
    text = json.dumps([{"name": "x", "url": "http://a", "secret": secret}])

    with pytest.raises(UsageError, match=r"^HARVESTER_HOOKS: 'x': secret: ") as caught:
        _load(file, environ={"HARVESTER_HOOKS": text})
    assert "hush" not in str(caught.value)
    assert "`openssl rand -base64 32` makes one" in str(caught.value)


@pytest.mark.parametrize("text", ['[{"secret": "hush"', "[" * 100_000, '"hush"', '["hush"]', "5"])
def test_what_is_no_list_of_hooks(text: str, file: Path) -> None:
    """Text that is no JSON list of objects is refused, and not repeated."""
    with pytest.raises(UsageError, match=r"^HARVESTER_HOOKS: ") as caught:
        _load(file, environ={"HARVESTER_HOOKS": text})
    assert "hush" not in str(caught.value)


def test_an_empty_variable_sets_no_hooks(file: Path) -> None:
    """Compose files pass variables that nobody has set as empty ones."""
    assert _load(file, environ={"HARVESTER_HOOKS": " "}).hooks == ()


@pytest.mark.parametrize("paths", [[""], ["realtime/china", " / "]])
def test_an_empty_section_does_not_mean_all(paths: list[str]) -> None:
    """A section that is named and empty is refused; an empty variable asks for nothing special."""
    with pytest.raises(UsageError, match=r"--sections: a section is empty"):
        load({"sections": paths}, {})
    assert load({}, {"HARVESTER_SECTIONS": ""}).sections == ()
