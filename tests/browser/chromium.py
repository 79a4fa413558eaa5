"""A real Chromium that is cut off from everything: each request is answered here, and noted."""

from __future__ import annotations

import html
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Error,
    Frame,
    Page,
    Request,
    Route,
    async_playwright,
)

HOME = "https://archive.example"
"""Where the pages lie that are shown."""

Files = Callable[[str], tuple[str, bytes] | None]
"""What lies at a path of `HOME`: its type and its bytes."""

_FLAGS = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-default-apps"),
    # Even what were let through found no network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_IMAGE = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
_FRAMES = "/frames.html"
# In every frame of the page's own site the mouse passes over each element, each gets the focus and
# is clicked. Links to pages are not followed, for that is what they are there for.
_TOUCH = """() => {
  const keep = (event) => {
    const link = event.target.closest?.("a, area");
    if (link && /^(https?|mailto|tel):/.test(link.protocol ?? "")) event.preventDefault();
  };
  const touch = (element) => {
    for (const type of ["pointerover", "pointerenter", "mouseover", "mouseenter"])
      element.dispatchEvent(new MouseEvent(type, {bubbles: true}));
    element.focus?.();
    element.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
    element.click?.();
    element.blur?.();
  };
  const touchAll = (window) => {
    try {
      window.document.addEventListener("click", keep, true);
      for (const element of [...window.document.querySelectorAll("body, body *")]) touch(element);
    } catch {}  // of another site, or names of the page's own
    for (let number = 0; number < window.length; number++) touchAll(window[number]);
  };
  touchAll(window);
}"""
# What begins with the next picture, such as animations, has begun after some.
_SETTLE = """() => new Promise((done) => {
  let left = 6;
  const paint = () => left-- ? requestAnimationFrame(paint) : setTimeout(done);
  paint();
})"""
_ADDRESSES = "(urls) => urls.map((url) => URL.parse(url, document.baseURI)?.href ?? url)"


@dataclass
class Seen:
    """What pages did: dialogs and messages of scripts, windows, ways elsewhere, requests.

    `dialogs` are the texts of `alert`. `requests` are types and addresses outside of `HOME`.
    """

    dialogs: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    windows: list[str] = field(default_factory=list)
    departures: list[str] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)

    @property
    def acts(self) -> list[str]:
        """Return all that only a script does, or what leads elsewhere."""
        return [*self.dialogs, *self.messages, *self.windows, *self.departures]

    def add(self, other: Seen) -> None:
        """Take in what other pages did."""
        for name in ("dialogs", "messages", "windows", "departures", "requests"):
            getattr(self, name).extend(getattr(other, name))


class Chromium:
    """A browser that is shown pages. Made by `chromium`."""

    def __init__(self, context: BrowserContext, files: Files, let: str) -> None:
        self._context = context
        self._files = files
        self._let = let

    async def show(self, urls: Sequence[str], at_once: int = 50) -> Seen:
        """Show pages, many at a time in frames; wait, touch all of each, wait again."""
        seen = Seen()
        for start in range(0, len(urls), at_once):
            frames = "".join(
                f'<iframe src="{html.escape(url)}" width=200 height=100></iframe>'
                for url in urls[start : start + at_once]
            )
            seen.add(await self._visit(HOME + _FRAMES, f"<!DOCTYPE html>{frames}"))
        return seen

    async def open(self, url: str) -> Seen:
        """Show one page by itself, not in a frame."""
        return await self._visit(url, "")

    async def addresses(self, urls: Sequence[str]) -> list[str]:
        """Return addresses as a browser writes them."""
        page = await self._context.new_page()
        found: list[str] = await page.evaluate(_ADDRESSES, list(urls))
        await page.close()
        return found

    async def _visit(self, url: str, document: str) -> Seen:
        seen, page = Seen(), await self._context.new_page()
        _listen(page, seen)
        loading = _Answers(page, url, document, self._files, self._let, seen)
        await page.route("**/*", loading.answer)
        # A page that leads elsewhere at once interrupts what is asked of it here.
        with suppress(Error):
            await page.goto(url, wait_until="load", timeout=60_000)
        for step in (_SETTLE, _TOUCH, _SETTLE):
            with suppress(Error):
                await page.evaluate(step)
        await page.close()
        return seen


@dataclass
class _Answers:
    """Answers what a page asks for, and notes it."""

    page: Page
    url: str
    document: str
    files: Files
    let: str
    seen: Seen

    async def answer(self, route: Route) -> None:
        request = route.request
        path = request.url.removeprefix(HOME) if request.url.startswith(HOME) else ""
        if self.let and request.url.startswith(self.let):
            await route.continue_()
        elif request.url == self.url and self.document:
            await route.fulfill(content_type="text/html", body=self.document)
        elif path:
            kind, body = self.files(path) or ("", b"")
            await route.fulfill(status=200 if kind else 404, content_type=kind, body=body)
        elif self._moves(request):
            self.seen.departures.append(request.url)
            await route.fulfill(status=204)
        else:
            self.seen.requests.append((request.resource_type, request.url))
            await _answer_elsewhere(route)

    def _moves(self, request: Request) -> bool:
        """Say whether this would replace a page that is shown, not a frame that stands in it."""
        with suppress(Error):
            frame = request.frame.parent_frame if self.document else request.frame
            return request.is_navigation_request() and (
                self.page.main_frame in (request.frame, frame)
            )
        return False


async def _answer_elsewhere(route: Route) -> None:
    """Other sites have pictures and empty pages, nothing else."""
    if route.request.resource_type == "image":
        await route.fulfill(content_type="image/gif", body=_IMAGE)
    elif route.request.resource_type == "document":
        await route.fulfill(content_type="text/html", body="<p>elsewhere")
    else:
        await route.abort()


def _listen(page: Page, seen: Seen) -> None:
    async def answer(dialog: Dialog) -> None:
        seen.dialogs.append(dialog.message)
        with suppress(Error):
            await dialog.dismiss()

    def note(message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):  # those are of the browser itself
            seen.messages.append(message.text)

    def follow(frame: Frame) -> None:
        if frame.url.startswith(("data:", "javascript:", "blob:")):
            seen.departures.append(frame.url)

    page.on("dialog", answer)
    page.on("console", note)
    page.on("pageerror", lambda error: seen.messages.append(str(error)))
    page.on("popup", lambda window: seen.windows.append(window.url))
    page.on("framenavigated", follow)


@asynccontextmanager
async def launched(program: Path) -> AsyncIterator[Browser]:
    """Run a Chromium with a new profile."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            headless=True,
            args=list(_FLAGS),
            chromium_sandbox=os.geteuid() != 0,  # with the rights of root it refuses to start
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def chromium(
    browser: Browser, files: Files, *, without_policy: bool = False, let: str = ""
) -> AsyncIterator[Chromium]:
    """Show pages in a browser that remembers nothing of others.

    `without_policy` shows pages as if they had no Content-Security-Policy; requests that begin
    with `let` are let through.
    """
    context = await browser.new_context(bypass_csp=without_policy)
    try:
        yield Chromium(context, files, let)
    finally:
        await context.close()
