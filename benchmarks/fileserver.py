"""A plain server of packed files: `python -m benchmarks.fileserver ROOT LOG PORT`.

Does what benchmarks need of nginx, where there is none: files, validators, a log.
"""

from __future__ import annotations

import sys
from email.utils import formatdate
from pathlib import Path
from typing import TextIO

from aiohttp import web

from benchmarks.newspaper import kind


class FileServer:
    """Answers for the files below a folder, and notes what was asked for."""

    def __init__(self, root: Path, log: TextIO) -> None:
        self._root = root.resolve()
        self._log = log

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer a request."""
        response = self._answer(request)
        self._log.write(f"{request.raw_path} {response.status}\n")
        return response

    def _answer(self, request: web.BaseRequest) -> web.Response:
        file = (self._root / f"{request.path[1:]}.gz").resolve()
        if not file.is_relative_to(self._root) or not file.is_file():
            return web.Response(status=404)
        found = file.stat()
        tag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
        validators = {"ETag": tag, "Last-Modified": formatdate(found.st_mtime, usegmt=True)}
        if tag == request.headers.get("If-None-Match"):
            return web.Response(status=304, headers=validators)
        return web.Response(
            body=file.read_bytes(),
            headers=validators | {"Content-Encoding": "gzip"},
            content_type=kind(request.path),
            charset="utf-8",
        )


def main() -> None:
    """Serve until the process is ended."""
    root, log, port = sys.argv[1:]
    with Path(log).open("a", buffering=1, encoding="utf-8") as file:
        server = FileServer(Path(root), file)

        async def application() -> web.Application:
            made = web.Application()
            made.router.add_route("GET", "/{path:.*}", server.answer)
            return made

        web.run_app(application(), host="127.0.0.1", port=int(port), print=None, access_log=None)


if __name__ == "__main__":
    main()
