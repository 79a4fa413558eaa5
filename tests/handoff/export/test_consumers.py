"""The exported files in the tools they are for."""

from __future__ import annotations

import html
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import duckdb
import pandas as pd
import pytest
import yaml

from harvester.handoff.export import Format, export
from harvester.store import Selection, open_archive
from tests.handoff.export.support import NOW, TITLES

SETUP = Path(__file__).resolve().parents[3] / "docs" / "datasette.yaml"
STORIES = len(TITLES) + 2
_DATASETS = """
import json, sys
from datasets import load_dataset
rows = load_dataset("parquet", data_files=sys.argv[1], split="train")
told = {name: str(feature) for name, feature in rows.features.items()}
print(json.dumps([told, rows[0], len(rows)], default=str))
"""


def exported(place: Path, form: Format, folder: Path) -> Path:
    """Export an archive to `zaobao.FORMAT` in a folder."""
    path = folder / f"zaobao.{form}"
    with open_archive(place / "seeds", place / "state") as archive, path.open("wb") as sink:
        export(archive, Selection(), form, sink, now=NOW)
    return path


def ran(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a Python program to its end; return what it printed."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_duckdb(place: Path, tmp_path: Path) -> None:
    """DuckDB reads the Parquet with instants, numbers and lists."""
    path = str(exported(place, Format.PARQUET, tmp_path))
    with duckdb.connect() as connection:
        types = {
            name: str(kind)
            for name, kind, *_ in connection.execute(
                "DESCRIBE SELECT * FROM read_parquet(?)", [path]
            ).fetchall()
        }
        by_day = connection.execute(
            "SELECT count(*), min(year(published)), any_value(tags[1]) FROM read_parquet(?)", [path]
        ).fetchone()

    assert types["published"] == types["gone_at"] == "TIMESTAMP WITH TIME ZONE"
    assert (types["seq"], types["revision"]) == ("BIGINT", "INTEGER")
    assert (types["tags"], types["title"]) == ("VARCHAR[]", "VARCHAR")
    assert by_day == (STORIES, 2021, "中国")


@pytest.mark.parametrize("form", [Format.CSV, Format.JSONL])
def test_duckdb_reads_texts(form: Format, place: Path, tmp_path: Path) -> None:
    """DuckDB finds the columns of CSV and JSON Lines by itself."""
    path = str(exported(place, form, tmp_path))
    reader = {Format.CSV: "read_csv", Format.JSONL: "read_json"}[form]
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT title, published < '2999-01-01' FROM {reader}(?) WHERE story_id = 1000006",  # noqa: S608
            [path],
        ).fetchone()

    assert found == (TITLES[5], True)


def test_pandas(place: Path, tmp_path: Path) -> None:
    """Pandas reads the Parquet with aware instants."""
    frame = pd.read_parquet(exported(place, Format.PARQUET, tmp_path))

    assert len(frame) == STORIES
    assert str(frame["published"].dtype) == "datetime64[us, UTC]"
    assert (str(frame["seq"].dtype), str(frame["revision"].dtype)) == ("int64", "int32")
    assert frame["gone_at"].notna().sum() == 1
    assert list(frame["tags"][0]) == ["中国", 'a "b", c']


def test_datasets(place: Path, tmp_path: Path) -> None:
    """The `datasets` library loads the Parquet, offline, with the right features."""
    path = exported(place, Format.PARQUET, tmp_path)
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path), "HF_HOME": str(tmp_path)}
    features, first, count = json.loads(ran("-c", _DATASETS, str(path), environment=offline))

    assert features["published"] == features["gone_at"] == "Value('timestamp[us, tz=UTC]')"
    assert (features["seq"], features["revision"]) == ("Value('int64')", "Value('int32')")
    assert features["tags"] == "List(Value('string'))"
    assert first["tags"] == ["中国", 'a "b", c']
    assert first["published"] == "2021-11-03 12:00:00+00:00"
    assert count == STORIES


def datasette(path: Path, address: str) -> str:
    """Return what Datasette answers, set up as the docs say."""
    return ran("-m", "datasette", str(path), "--metadata", str(SETUP), "--get", address)


def test_datasette(place: Path, tmp_path: Path) -> None:
    """Datasette opens the snapshot, knows its full-text search, and shows what is found."""
    path = exported(place, Format.SQLITE, tmp_path)
    page = html.unescape(datasette(path, "/zaobao/articles?_search=辩+论"))

    assert 'name="_search"' in page
    assert "国会😀 辩论" in page
    assert "where search matches" in page
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_datasette_search(place: Path, tmp_path: Path) -> None:
    """The canned query of the docs is there, and finds a word of two characters."""
    path = exported(place, Format.SQLITE, tmp_path)
    rows = json.loads(datasette(path, f"/zaobao/search.json?_shape=array&q={quote('辩论')}"))

    assert [row["story_id"] for row in rows] == ["1000006"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("国会 辩论", {"1000006"}),
        ("国会\u3000G20峰会", {*map(str, range(1_000_001, 1_000_001 + len(TITLES))), "2000002"}),
        ('王毅 "布林肯"', {"1000001"}),
        ("  -布林肯*", {"1000001"}),
        ("Ｇ２０", {*map(str, range(1_000_001, 1_000_001 + len(TITLES))), "2000002"}),
        ("会国", set()),
        ("", set()),
        ('"', set()),
    ],
)
def test_canned_query(query: str, found: set[str], place: Path, tmp_path: Path) -> None:
    """Words are found as people type them, without blanks between characters; nothing is syntax."""
    path = exported(place, Format.SQLITE, tmp_path)
    setup = yaml.safe_load(SETUP.read_text("utf-8"))
    sql = setup["databases"]["zaobao"]["queries"]["search"]["sql"]
    with closing(sqlite3.connect(path)) as connection:
        ids = {row[-1] for row in connection.execute(sql, {"q": query})}

    assert ids == found
