"""A site whose pages are those of the replica, but for what a test puts in their place."""

from __future__ import annotations

from dataclasses import dataclass, field

from harvester.replica import Site
from harvester.replica.site import Answer
from tests.fetch.conftest import FakeSite, Reply, Request


@dataclass
class HostileSite(FakeSite):
    """Answers as told, and for the rest as `truth` does."""

    truth: Site = field(default_factory=lambda: Site(()))

    def next_reply(self, request: Request) -> Reply:
        """Return what was told, else what the replica says."""
        if self.is_told(request):
            return super().next_reply(request)
        return self._said(self.truth.answer(request.host, request.path))

    def _said(self, answer: Answer) -> bytes:
        kind = f"{answer.kind}; charset={answer.charset}" if answer.charset else answer.kind
        headers = {"Location": answer.location} if answer.location else {}
        return self.reply(answer.status, answer.body, Content_Type=kind, **headers)
