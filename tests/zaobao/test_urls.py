"""Addresses: which name a story, and under which one name."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import NotAStory
from harvester.zaobao import story_ref
from harvester.zaobao.urls import HK_HOST, SG_HOST, issue_day_fits, singapore_day
from tests.support.figures import Figures, cases

_SEGMENT = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
_HOSTS = ["www.zaobao.com.sg", "www.zaobao.com", "zaobao.com.sg", "zaobao.com", "WWW.Zaobao.COM"]
_SUFFIXES = ["", "/", "?ref=listing", "#top", "/?a=1&b=%E4%B8%AD#c"]


@pytest.mark.parametrize(
    ("address", "story_id", "section", "day"),
    [
        (
            "https://www.zaobao.com.sg/realtime/china/story20230601-1400391",
            "1400391",
            "realtime/china",
            date(2023, 6, 1),
        ),
        ("https://www.zaobao.com/news/story20250624-6958557", "6958557", "news", date(2025, 6, 24)),
        (
            (
                "https://www.zaobao.com.sg/special/report/politic/uselection2016/news/"
                "story20170429-754308"
            ),
            "754308",
            "special/report/politic/uselection2016/news",
            date(2017, 4, 29),
        ),
        (
            "https://www.zaobao.com.sg/news/world/story20270101-10000001",
            "10000001",
            "news/world",
            date(2027, 1, 1),
        ),
        (
            "https://www.zaobao.com.sg/znews/sea/story20160229-123456789012345678",
            "123456789012345678",
            "znews/sea",
            date(2016, 2, 29),
        ),
    ],
)
def test_a_story_is_its_id(address: str, story_id: str, section: str, day: date) -> None:
    """Id, section and issue day are read from addresses of all years, ids of any length."""
    ref = story_ref(address)

    assert (story_id, section, day, address) == (ref.story_id, ref.section, ref.day, ref.url)


@pytest.mark.parametrize(
    "address",
    [
        "http://www.zaobao.com.sg/realtime/china/story20230601-1400391",
        "https://zaobao.com.sg/realtime/china/story20230601-1400391",
        "HTTPS://WWW.ZAOBAO.COM.SG/realtime/china/story20230601-1400391",
        "https://www.zaobao.com.sg:443/realtime/china/story20230601-1400391",
        "http://www.zaobao.com.sg:80/realtime/china/story20230601-1400391/",
        "https://www.zaobao.com.sg/realtime/china/story20230601-1400391?ref=home#top",
        "/realtime/china/story20230601-1400391",
    ],
)
def test_spellings_of_one_address_are_one(address: str) -> None:
    """Scheme, port, case of the host, query and fragment do not make another address."""
    expected = "https://www.zaobao.com.sg/realtime/china/story20230601-1400391"

    assert expected == story_ref(address).url


def test_the_host_of_a_relative_address_is_given() -> None:
    """An address without a host is one of the page it stood on; a stated host goes before."""
    path = "/news/china/story20230601-1400391"

    assert f"https://{HK_HOST}{path}" == story_ref(path, host=HK_HOST).url
    assert f"https://{SG_HOST}{path}" == story_ref(f"https://{SG_HOST}{path}", host=HK_HOST).url


def test_the_hint_of_a_change_is_kept() -> None:
    """The sitemap's hint goes with the story as it was written."""
    ref = story_ref("/news/china/story20230601-1400391", "2023-06-01T08:00:00+08:00")

    assert ref.lastmod == "2023-06-01T08:00:00+08:00"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/",
        "https://www.zaobao.com.sg/",
        "https://www.zaobao.com.sg/realtime/china",
        "https://www.zaobao.com.sg/story20230601-1400391",
        "https://www.zaobao.com.sg/realtime/china/story20230601",
        "https://www.zaobao.com.sg/realtime/china/story20230601-",
        "https://www.zaobao.com.sg/realtime/china/story20230601-14x",
        "https://www.zaobao.com.sg/realtime/china/story20231301-1400391",
        "https://www.zaobao.com.sg/realtime/china/story20230230-1400391",
        "https://www.zaobao.com.sg/realtime/china/story19990101-1400391",
        "https://www.zaobao.com.sg/realtime/china/story20230601-1234567890123456789",
        "https://www.zaobao.com.sg/realtime/../story20230601-1400391",
        "https://www.zaobao.com.sg//story20230601-1400391",
        "https://www.zaobao.com.sg/realtime/china/story20230601-1400391/comments",
        "https://www.zaobao.com.sg/realtime/china/story20230601-1400391\n",
        "https://www.zaobao.com.sg/realtime/ch ina/story20230601-1400391",
        "https://www.zaobao.com.sg/keywords/交通/story20230601-1400391",
        "https://www.zaobao.com.sg/node/1400391",
        "https://user@www.zaobao.com.sg/realtime/china/story20230601-1400391",
        "https://www.zaobao.com.sg:8443/realtime/china/story20230601-1400391",
        "https://www.zaobao.com.sg\\@evil.example/realtime/china/story20230601-1400391",
        "ftp://www.zaobao.com.sg/realtime/china/story20230601-1400391",
        "javascript:/realtime/china/story20230601-1400391",
        "//www.zaobao.com.sg/realtime/china/story20230601-1400391",
        "https://www.zaobao.com.sg/" + "a/" * 1200 + "story20230601-1400391",
        "https://www.zaobao.com.sg/news/story20230601-1400391?" + "x" * 3000,
    ],
)
def test_what_is_no_story_is_refused(address: str) -> None:
    """Everything but a story's address is refused with one reason."""
    with pytest.raises(NotAStory) as caught:
        story_ref(address)

    assert caught.value.reason == "address"


@pytest.mark.parametrize(
    "host",
    [
        "www.zaochenbao.com",
        "www.sczaobao.com",
        "www.zaobao.cn",
        "www.zaobao.com.cn",
        "interactive.zaobao.com.sg",
        "zproperty.zaobao.com.sg",
        "www.zaobao.com.sg.evil.example",
        "www-zaobao.com.sg",
        "wwwxzaobao.com",
        "zaobao.sg",
        "www.zaobao.com.",
        "127.0.0.1",
    ],
)
def test_look_alike_hosts_are_refused(host: str) -> None:
    """Hosts are allowed by list: neither look-alikes nor the paper's other sites pass."""
    with pytest.raises(NotAStory):
        story_ref(f"https://{host}/realtime/china/story20230601-1400391")


@pytest.mark.parametrize("name", ["story20211101-１２０９２３０", "story20２１1101-1209230"])
def test_only_ascii_digits_make_an_id(name: str) -> None:
    """Digits of other scripts would make a second story of the same number."""
    with pytest.raises(NotAStory):
        story_ref(f"https://www.zaobao.com.sg/realtime/china/{name}")


@pytest.mark.gate("A3", "replay twice")
def test_the_canonical_form_is_stable(figures: Figures) -> None:
    """A canonical address is its own canonical form and keeps id, section and day."""
    seen = Counter[bool]()

    @settings(max_examples=cases(300, 10_000))
    @given(
        host=st.sampled_from(_HOSTS),
        scheme=st.sampled_from(["https", "http", "HTTPS"]),
        segments=st.lists(_SEGMENT, min_size=1, max_size=5),
        day=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
        number=st.integers(1, 10**18 - 1),
        suffix=st.sampled_from(_SUFFIXES),
    )
    def hold(
        host: str, scheme: str, segments: list[str], day: date, number: int, suffix: str
    ) -> None:
        section = "/".join(segments)
        ref = story_ref(f"{scheme}://{host}/{section}/story{day:%Y%m%d}-{number}{suffix}")
        assert (str(number), section, day) == (ref.story_id, ref.section, ref.day)
        seen[ref != story_ref(ref.url)] += 1

    hold()
    figures.none("canonical forms that have another", seen[True], of=seen.total())


@given(st.text())
def test_any_text_is_a_story_or_refused(text: str) -> None:
    """No text makes anything but a story or `NotAStory`."""
    try:
        ref = story_ref(text)
    except NotAStory:
        return
    assert ref.url.startswith((f"https://{SG_HOST}/", f"https://{HK_HOST}/"))


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2023, 6, 1, 15, 59, 59, tzinfo=UTC), date(2023, 6, 1)),
        (datetime(2023, 6, 1, 16, 0, tzinfo=UTC), date(2023, 6, 2)),
        (datetime(2022, 12, 31, 16, 0, tzinfo=UTC), date(2023, 1, 1)),
    ],
)
def test_the_day_of_the_site_begins_at_16_utc(instant: datetime, day: date) -> None:
    """A day is one of UTC+8."""
    assert day == singapore_day(instant)


@pytest.mark.parametrize(
    ("days_after_issue", "fits"),
    [(2, False), (1, True), (0, True), (-1, True), (-5, True), (-6, False)],
)
def test_an_issue_may_follow_publication(days_after_issue: int, fits: bool) -> None:
    """A print issue lies at most five days after publication, which may be a day late."""
    ref = story_ref("/news/china/story20230601-1400391")
    instant = datetime(2023, 6, 1, 4, tzinfo=UTC) + timedelta(days=days_after_issue)

    assert fits is issue_day_fits(ref, instant)
