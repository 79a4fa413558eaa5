"""What goes over the wire: signatures as receivers check them, and what an answer asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from harvester.handoff.changes import as_json
from harvester.handoff.hooks.sign import signed_headers
from harvester.handoff.hooks.webhook import LONGEST_REST, parse_retry_after
from harvester.settings import Hook
from harvester.store import open_archive
from tests.handoff.hooks.support import SECRET, Place, Receiver, live, rewind

NOW = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)


def test_a_receiver_accepts_it(tmp_path: Path) -> None:
    """The receivers' own library takes it for genuine; the payload is that of `changes`."""
    shop = Receiver()

    async def act(place: Place) -> None:
        await place.publish(1, 2)
        async with shop.listening():
            hook = shop.hook(batch=2)
            rewind(tmp_path, hook)
            async with place.couriers(hook):
                await place.until(lambda: place.status(hook).position == 2)

    live(tmp_path, act)
    (call,) = shop.calls
    payload = Webhook(SECRET).verify(call.body, call.headers)

    with open_archive(tmp_path / "seeds", tmp_path / "state") as archive:
        changes = [as_json(change) for change in archive.changes()]
    assert payload["data"] == {"changes": changes}
    assert payload["type"] == "changes"
    assert datetime.fromisoformat(payload["timestamp"]).tzinfo
    assert "标题1".encode() in call.body
    assert call.headers["content-type"] == "application/json"
    assert call.headers["user-agent"].startswith("harvester/")


@given(
    st.binary(min_size=1),
    st.from_regex(r"msg_[a-z0-9]{1,32}", fullmatch=True),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_signatures_are_those_of_the_library(
    key: bytes, message_id: str, at: datetime, body: str
) -> None:
    """For any key, id, time and body the signature is the one that the library makes."""
    expected = Webhook(key).sign(message_id, at, body)

    headers = signed_headers(key, message_id, at, body.encode())

    assert headers["webhook-signature"] == expected
    assert headers["webhook-id"] == message_id
    assert headers["webhook-timestamp"] == str(int(at.timestamp()))


@pytest.mark.parametrize("secret", [SECRET, SECRET.rstrip("="), "any text at all: 早报"])
def test_every_kind_of_secret(secret: str) -> None:
    """After `whsec_` base64 is decoded, padded or not; any other text is the key itself."""
    key = Hook("x", secret=secret).key

    if secret.startswith("whsec_"):
        assert Webhook(secret).sign("a", NOW, "b") == Webhook(key).sign("a", NOW, "b")
    else:
        assert key == secret.encode()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *(("120", 120), (" 7 ", 7), ("0", 0), ("", 0), ("-5", 0), ("soon", 0), ("1.5", 0)),
        *(("9" * 400, LONGEST_REST), ("86401", LONGEST_REST), ("٣", 0)),
        (format_datetime(NOW + timedelta(hours=1), usegmt=True), 3600),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_REST),
        ("Thu, 01 Oct 2026 04:00:10", 10),
        ("Thu, 01 Oct 2026 04:00:10 -0000", 10),
    ],
)
def test_retry_after(value: str, seconds: float) -> None:
    """Seconds and dates are read, up to a day; what says nothing asks for no pause."""
    assert parse_retry_after(value, NOW) == seconds


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{1,9} [\d:]{0,12} \S*"))
def test_any_retry_after_is_read(value: str) -> None:
    """No header of a receiver breaks anything."""
    assert 0 <= parse_retry_after(value, NOW) <= LONGEST_REST
