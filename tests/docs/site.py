"""The site of docs/jekyll, built by the real Jekyll."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

RECIPE = Path(__file__).resolve().parents[2] / "docs" / "jekyll"


def build(jekyll: str, root: Path, layout: str = "") -> tuple[Path, str]:
    """Build the site of `root/seeds` as the recipe says; return its folder and all Jekyll said.

    `layout` stands in for the recipe's own layout of a post.
    """
    source, site = root / f"site{len(layout)}", root / f"built{len(layout)}"
    shutil.copytree(RECIPE, source)
    (source / "_posts").symlink_to(root / "seeds")
    if layout:
        (source / "_layouts" / "post.html").write_text(layout)
    run = subprocess.run(
        [jekyll, "build", "--trace", "--source", source, "--destination", site],
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    return site, run.stdout
