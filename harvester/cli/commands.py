"""The commands and what each accepts. No command is imported before it runs."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harvester.cli.arguments import (
    add_days_and_sections,
    add_global,
    add_json,
    add_selecting,
    add_settings,
    number,
)
from harvester.settings import Settings

_QUOTE_WHOLE = (
    "a query with -word is quoted whole, together with a word that must stand, "
    "as in `harvester search '王毅 -东京'`"
)
_VISITING = ("rate", "concurrency", "body", "raw")
_DAEMON = ("http", "log_format", "log_level", "snapshots", "min_free", "alarm_command")


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its name and help, its arguments, and the module that runs it."""

    name: str
    help: str
    examples: str
    arguments: Callable[[argparse.ArgumentParser], None]

    def configure(self, commands: Any) -> None:  # noqa: ANN401 - argparse's type is private
        """Add the command to the parser."""
        parser = commands.add_parser(
            self.name,
            help=self.help,
            description=self.help[0].upper() + self.help[1:] + ".",
            epilog=f"examples:\n{self.examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.arguments(parser)
        add_global(parser)
        parser.set_defaults(run=self.run)

    def run(self, chosen: argparse.Namespace, settings: Settings) -> int:
        """Import the command's module and run it."""
        module = importlib.import_module(f"harvester.cli.{self.name}_command")
        return int(module.run(chosen, settings))


def _all_revisions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--all-revisions",
        action="store_true",
        help="replace held texts also where so many differ that it may be a redesign",
    )


def _visiting(parser: argparse.ArgumentParser) -> None:
    add_settings(parser.add_argument_group("visiting the site"), _VISITING)


def _verbose(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--verbose", "-v", action="store_true", help=f"name every {what}")


def _backfill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        choices=("sitemap", "listing", "urls", "warc", "wayback", "commoncrawl"),
        help="where to find stories (default: sitemap, urls with --urls-from, warc with --warc)",
    )
    parser.add_argument("--urls-from", metavar="FILE", help="addresses, one a line; - for stdin")
    parser.add_argument(
        "--warc",
        action="append",
        metavar="PATH",
        help="WARC file, folder, s3://bucket/prefix, address or list (….paths.gz); repeatable",
    )
    _workers(parser)
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="have WARC files read by the Dask cluster there"
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="ask other archives also for stories that are held: earlier texts become revisions",
    )
    add_days_and_sections(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="ask for at most N pages")
    _all_revisions(parser)
    _verbose(parser, "address")
    add_json(parser)
    _visiting(parser)
    add_settings(
        parser.add_argument_group("other archives"), ("wayback_origin", "commoncrawl_origin")
    )


def _workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=number,
        default=1,
        metavar="N",
        help="processes that read pages which are kept (default: %(default)s)",
    )


def _fetch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("urls", nargs="+", metavar="URL", help="address of a story")
    _all_revisions(parser)
    add_json(parser)
    _visiting(parser)


def _import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="post, or folder of posts")
    _verbose(parser, "file")
    add_json(parser)


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--repair",
        action="store_true",
        help="restore files from the catalogue, take up posts without a row",
    )
    parser.add_argument(
        "--pages", action="store_true", help="read all of the raw archive too (state/warc)"
    )
    add_json(parser)


def _rebuild(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--discard",
        action="store_true",
        help="make it anew also where no damage is found in the one that is there",
    )
    _verbose(parser, "file")
    add_json(parser)


def _renormalise(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since", metavar="D", help="only stories with an issue day from then on: 2021-11-01, 7d"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="write nothing, only tell what would change"
    )
    _verbose(parser, "address")
    add_json(parser)


def _status(parser: argparse.ArgumentParser) -> None:
    add_json(parser)
    add_settings(parser, ("http",))


def _daemon(parser: argparse.ArgumentParser) -> None:
    _visiting(parser)
    add_settings(parser.add_argument_group("the daemon"), _DAEMON)


def _changes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since",
        type=number,
        metavar="SEQ",
        help="only entries after this number (default: 0, or what the consumer has had)",
    )
    parser.add_argument("--follow", action="store_true", help="wait for more until interrupted")
    parser.add_argument(
        "--consumer", metavar="NAME", help="remember under this name what was written, read or not"
    )


def _diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("story", metavar="STORY", help="id or address of a story, or its path")
    parser.add_argument(
        "revisions",
        nargs="*",
        type=number,
        metavar="REV",
        help="the older and the newer text (default: the last two)",
    )
    add_json(parser)


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        choices=("jsonl", "csv", "parquet", "sqlite"),
        help="(default: by the ending of the file's name)",
    )
    parser.add_argument(
        "--output", metavar="FILE", default="-", help="(default: -, standard output)"
    )
    parser.add_argument(
        "--since-seq",
        type=number,
        default=0,
        metavar="SEQ",
        help="only stories that changed after this entry of the change log: the number that the "
        "export before named, not the greatest seq in its file",
    )
    parser.add_argument(
        "--spreadsheet",
        action="store_true",
        help="csv to look at, not exact: with a byte order mark, and no cell that is a formula",
    )
    add_selecting(parser)
    add_json(parser)


def _search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "query",
        nargs="*",  # without any the command itself says what to write
        metavar="WORD",
        help="all must stand in the story, those of Latin letters as whole words; "
        '"in quotes" as it stands; -word must not: such a query is quoted whole for the shell, '
        "together with a word that must stand",
    )
    parser.set_defaults(hint=_QUOTE_WHOLE)
    add_selecting(parser)
    parser.add_argument(
        "--limit", type=number, default=20, metavar="N", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--sort",
        choices=("rank", "date"),
        default="rank",
        help="the best first, or the newest (default: %(default)s)",
    )
    add_json(parser)


def _hooks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=("status", "deliver", "replay", "log"),
        default="status",
        help="(default: %(default)s)",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="one hook (default: all)")
    parser.add_argument(
        "--since", type=number, metavar="SEQ", help="replay what came after this entry"
    )
    add_json(parser)


def _mirror(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="URL", help="a folder, file://…, s3://bucket/prefix, …")
    parser.add_argument(
        "--check", action="store_true", help="read back every post of the mirror, not only new ones"
    )
    add_json(parser)


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", default=".demo", metavar="DIR", help="made anew (default: %(default)s)"
    )


COMMANDS = (
    Command(
        "backfill",
        "archive the stories of a time span or a list of addresses",
        "  harvester backfill --since 7d\n"
        "  harvester backfill --since 2021-11-01 --until 2021-11-30 --section realtime/china\n"
        "  harvester backfill --urls-from addresses.txt --json\n"
        "  harvester backfill --warc crawl.warc.gz --warc ~/warcs --workers 2\n"
        "  harvester backfill --source wayback --since 2016-01-01 --until 2016-12-31\n",
        _backfill,
    ),
    Command(
        "fetch",
        "archive single stories now",
        "  harvester fetch https://www.zaobao.com.sg/realtime/china/story20211101-1209230\n",
        _fetch,
    ),
    Command(
        "daemon",
        "archive what is published, for as long as it runs",
        "  harvester daemon\n"
        "  harvester daemon --config /etc/harvester.toml --log-format json\n"
        "signals: TERM and INT end it (exit 0), HUP reads the settings again\n",
        _daemon,
    ),
    Command(
        "import",
        "take existing posts of the seed format into the archive",
        "  harvester import ~/waimei/_posts\n",
        _import,
    ),
    Command(
        "verify",
        "check that disk and catalogue agree",
        "  harvester verify\n  harvester verify --repair\n  harvester verify --pages\n",
        _verify,
    ),
    Command(
        "rebuild",
        "make a lost or damaged catalogue again from the posts and the raw archive",
        "  harvester rebuild\n"
        "the catalogue that is there is kept in state/aside; posts that are lost come back from\n"
        "the pages in state/warc (docs/recipes.md)\n",
        _rebuild,
    ),
    Command(
        "renormalise",
        "read the raw archive again with today's reader",
        "  harvester renormalise --dry-run       what would change, by layout and field\n"
        "  harvester renormalise --since 2021-11-01\n"
        "nothing is fetched; what changes is told as `renormalised` by `harvester changes`\n",
        _renormalise,
    ),
    Command(
        "status",
        "show what is held, what failed and what to do",
        "  harvester status\n  harvester status --json\n",
        _status,
    ),
    Command(
        "changes",
        "print what is new, revised or gone, as JSON lines",
        "  harvester changes --since 1200\n"
        "  harvester changes --follow --consumer site\n"
        "each line has a number `seq`; who remembers the last one misses nothing\n",
        _changes,
    ),
    Command(
        "diff",
        "show what an edit changed",
        "  harvester diff 1209230\n  harvester diff 1209230 1 3\n",
        _diff,
    ),
    Command(
        "export",
        "write the stories as JSON lines, CSV, Parquet or SQLite",
        "  harvester export --output zaobao.parquet --since 2y\n"
        "  harvester export --format jsonl --output - --section realtime/china | wc -l\n"
        "  harvester export --output news.jsonl --since-seq 1200\n",
        _export,
    ),
    Command(
        "search",
        "find stories by their text",
        "  harvester search 王毅 布林肯 --since 2y\n  harvester search '\"G20 峰会\" -东京'\n",
        _search,
    ),
    Command(
        "hooks",
        "tell other programs of changes: state, delivery, replay",
        "  harvester hooks\n"
        "  harvester hooks deliver            once, without a daemon\n"
        "  harvester hooks replay site --since 1200\n"
        "  harvester hooks log site\n",
        _hooks,
    ),
    Command(
        "mirror",
        "copy new and changed posts to a folder or an object store",
        "  harvester mirror /srv/mirror\n"
        "  harvester mirror s3://bucket/zaobao --check\n"
        "an object store (s3://, gs://, az://) needs zaobao-harvester[mirror]; its credentials\n"
        "come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, with\n"
        "AWS_ENDPOINT_URL for a service other than Amazon's; GOOGLE_APPLICATION_CREDENTIALS;\n"
        "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY\n",
        _mirror,
    ),
    Command(
        "demo",
        "show the whole way, offline, against the bundled replica of the site",
        "  harvester demo\n",
        _demo,
    ),
)
