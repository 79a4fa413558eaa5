"""The scrambled paragraphs of zaobao.com."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import Unreadable
from harvester.zaobao.clean import clean
from harvester.zaobao.markup import fragment
from harvester.zaobao.order import is_shuffled, position
from tests.support.pages import HK_URL


def _key(number: object) -> str:
    return "aB9" + base64.b32encode(str(number).encode()).decode()


def _blocks(html: str) -> tuple[str, ...]:
    root = fragment(html, HK_URL)
    assert root is not None
    return clean([root], HK_URL).blocks


@pytest.mark.parametrize(
    ("key", "number"),
    [
        ("XYBGI======", 2),
        ("3UtGM======", 3),
        ("CVDGQ======", 4),
        ("yQRGY======", 6),
        ("2eSG4======", 7),
        ("8GFHA======", 8),
        ("H7jGEYQ====", 11),
        ("jB2GEZA====", 12),
        ("Y9nGEZQ====", 13),
        ("tPBGE3A====", 16),
    ],
)
def test_keys_of_the_real_site_are_read(key: str, number: int) -> None:
    """The keys of the capture of 2022-07-23 name their measured positions."""
    assert number == position(key)


@given(st.integers(0, 100_000), st.text("abcXYZ019", min_size=3, max_size=3))
def test_any_position_is_read_back(number: int, salt: str) -> None:
    """Three characters of salt, then the digits in base32: nothing is lost."""
    assert number == position(salt + base64.b32encode(str(number).encode()).decode())


BAD_KEYS = [
    "",
    "abc",
    "abc2",
    "abcGI",
    "abcgi======",
    "abc!!======",
    "abc中文",
    _key("zwei"),
    _key("1.5"),
    _key(""),
    _key("1") + "=",
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_of_another_form_is_an_error(key: str) -> None:
    """A key that does not decode is never guessed."""
    with pytest.raises(ValueError, match=r"."):
        position(key)


@pytest.mark.parametrize("key", BAD_KEYS[1:])
def test_a_body_with_a_bad_key_is_unreadable(key: str) -> None:
    """A wrong order must not be archived."""
    with pytest.raises(Unreadable):
        _blocks(f'<p data-s="{_key(1)}">一</p><p data-s="{key}">二</p>')


@pytest.mark.parametrize("number", ["-1", "1_0", " 3 ", "+4"])
def test_a_position_is_ascii_digits(number: str) -> None:
    """The decoded position consists of digits alone."""
    with pytest.raises(ValueError, match="order key"):
        position(_key(number))


def test_paragraphs_come_back_in_order() -> None:
    """Elements are sorted by key; holes do not matter; what has no key goes last."""
    html = (
        f'<p>没有钥匙</p> <p data-s="{_key(12)}">第三</p> <p data-s="{_key(2)}">第一</p>'
        f'<section data-s="{_key(4)}"><div class="adv-tag" id="dfp-ad-imu1"></div></section>'
        f'<p data-s="{_key(6)}">第二</p>'
    )

    assert _blocks(html) == ("第一", "第二", "第三", "没有钥匙")


@given(st.permutations(range(1, 15)))
def test_every_order_is_undone(order: list[int]) -> None:
    """Positions are numbers, not texts: 2 comes before 11."""
    html = " ".join(f'<p data-s="{_key(number)}">第{number}段</p>' for number in order)

    assert tuple(f"第{number}段" for number in range(1, 15)) == _blocks(html)


def test_a_body_without_keys_keeps_its_order() -> None:
    """Pages before 2022-07 have no keys."""
    root = fragment("<p>一</p><p>二</p>", HK_URL)
    assert root is not None

    assert _blocks("<p>一</p>二<p>三</p>") == ("一", "二", "三")
    assert not is_shuffled(root)
