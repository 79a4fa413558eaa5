"""Pictures: the address at which anyone can have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.zaobao.images import absolute, real_address, secure
from tests.support.pages import URL

_STATIC = "https://static.zaobao.com/s3fs-public"
_OLD = "https://www.zaobao.com.sg/sites/default/files"
_KEY = "https://cassette.sphdigital.com.sg/image/zaobao/" + "0a" * 32


@pytest.mark.parametrize(
    ("attributes", "address"),
    [
        ({"src": f"{_STATIC}/a.jpg?VersionId=x&itok=y"}, f"{_STATIC}/a.jpg?VersionId=x&itok=y"),
        ({"data-src": f"{_OLD}/a.jpg", "src": f"{URL}/undefined"}, f"{_OLD}/a.jpg"),
        ({"data-original": f"{_OLD}/b.jpeg", "src": "data:image/gif;base64,R0"}, f"{_OLD}/b.jpeg"),
        ({"src": "/sites/default/files/c.jpg"}, f"{_OLD}/c.jpg"),
        ({"src": "//static.zaobao.com/s3fs-public/d.JPG"}, f"{_STATIC}/d.JPG"),
        ({"src": "http://static.zaobao.com/s3fs-public/e.jpg"}, f"{_STATIC}/e.jpg"),
        ({"src": "https://www.zaobao.com/s3/files/2022-04/f.jpg"}, f"{_STATIC}/2022-04/f.jpg"),
        ({"data-src": "https://www.zaobao.com.sg/s3/files/g.jpg"}, f"{_STATIC}/g.jpg"),
        ({"src": f"{_KEY}?f=webp&o=zbimg&w=1140"}, _KEY),
        ({"src": f"{_KEY}#x"}, _KEY),
        ({"srcset": f"{_KEY}?w=640 640w, {_KEY}?w=1140 1140w"}, _KEY),
        ({"data-srcset": f"{_OLD}/h.jpg 1x", "src": "data:image/gif;base64,R0"}, f"{_OLD}/h.jpg"),
        ({"data-src": f"  {_OLD}/i.jpg\n"}, f"{_OLD}/i.jpg"),
        ({"data-src": None, "src": f"{_OLD}/j.jpg"}, f"{_OLD}/j.jpg"),
        ({"data-src": "", "src": f"{_OLD}/k.jpg"}, f"{_OLD}/k.jpg"),
    ],
)
def test_the_real_address_is_found(attributes: dict[str, str | None], address: str) -> None:
    """Lazy attributes go first; the address is absolute, https, and of the open store."""
    assert address == real_address(attributes, URL)


@pytest.mark.parametrize(
    "source",
    [
        "/themes/custom/zbsg2020/images/default-img.png",
        "/themes/custom/zbsg2020/images/social-share.png",
        "/sites/all/themes/zb2016/assets/imgs/zbsg/logo.png",
        "/_web2/assets/social-share.png",
        f"{_STATIC}/freemium_images/20210209/paywall.jpg",
        "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAA",
        "/realtime/china/R0lGODlhAQABAIAAAAAAAP",
        "https://www.zaobao.com/realtime/china/undefined",
        "/assets/tag-icon.webp",
        "/assets/newspost.svg",
        "javascript:alert(1)",
        "ftp://static.zaobao.com/a.jpg",
        "https://[broken/a.jpg",
        "",
        "   ",
    ],
)
def test_placeholders_have_no_address(source: str) -> None:
    """What is no picture of the story, or no address at all, is left out."""
    assert real_address({"src": source}, URL) == ""
    assert real_address({"data-src": source}, URL) == ""


def test_a_picture_without_attributes_has_no_address() -> None:
    """An empty image element is left out."""
    assert real_address({}, URL) == ""


@given(
    st.dictionaries(
        st.sampled_from(["src", "data-src", "srcset", "data-srcset", "data-original"]),
        st.none() | st.text() | st.text(min_size=1).map(lambda text: f"https://{text}"),
    )
)
def test_an_address_is_https_or_empty(attributes: dict[str, str | None]) -> None:
    """Whatever the attributes hold, the answer is an https address or nothing."""
    address = real_address(attributes, URL)

    assert not address or address.startswith("https://")


@pytest.mark.parametrize(
    ("address", "joined", "secured"),
    [
        ("/a/b", "https://www.zaobao.com.sg/a/b", "https://www.zaobao.com.sg/a/b"),
        ("http://x.example/a", "http://x.example/a", "https://x.example/a"),
        ("mailto:a@b.example", "mailto:a@b.example", "mailto:a@b.example"),
        ("https://[x/a", "", ""),
    ],
)
def test_addresses_become_absolute(address: str, joined: str, secured: str) -> None:
    """Relative addresses are those of the page; `secure` turns http into https."""
    assert joined == absolute(address, URL)
    assert secured == secure(address, URL)
