"""Pages in every charset that the site has had, with labels that are right, lie or say nothing."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from tests.support.pages import LONG, page, paragraphs

SIMPLE = ("渔民说，这样的潮水三十年才有一次。", LONG)
TRADITIONAL = (
    "漁民說，這樣的潮水三十年才有一次，老人們在岸邊站了一個早上。",
    "孩子們在沙灘上找到了許多貝殼，帶回學校給老師和同學看。",
)
RARE = ("镕基桥与喆园都在修缮，门票㐂字号照旧。", LONG)
_LABELLED = '<meta charset="{}">'
_OLD_META = '<meta http-equiv="Content-Type" content="text/html; charset={}" />'


@dataclass(frozen=True)
class Case:
    """A page: its true encoding, the label of the header and that of the meta element."""

    codec: str
    header: str | None = None
    meta: str | None = None
    texts: tuple[str, ...] = SIMPLE
    bom: bytes = b""
    damage: bytes = b""
    form: str = _LABELLED
    tail: bytes = b""

    @property
    def title(self) -> str:
        """The title of the story."""
        return self.texts[0][:8]

    def shown(self, number: int | None = None) -> tuple[str, ...]:
        """Return the paragraphs of the story; with a number no other story has the same."""
        return self.texts if number is None else (*self.texts, f"{number} {self.texts[1][:9]}")

    def body(self, number: int | None = None) -> bytes:
        """Return the bytes of the page; damage stands behind the story, the tail at the end."""
        head = self.form.format(self.meta) if self.meta else ""
        text = page(paragraphs(self.shown(number)), head=head, title=self.title)
        if self.texts is TRADITIONAL:
            text = text.replace("发布", "發布")
        before, _, after = text.partition("</article>")
        encoded = [part.encode(self.codec) for part in (before, after)]
        return self.bom + encoded[0] + self.damage + encoded[1] + self.tail


READABLE = [
    # labels that are right
    Case("gb2312", "gb2312"),
    Case("gb2312", "GB2312", "gb2312"),
    Case("gb2312", None, "gb2312"),
    Case("gb2312", None, "GB2312", form=_OLD_META),
    Case("gb2312", None, "gbk"),
    Case("gbk", "gbk"),
    Case("gbk", "GBK", "gbk"),
    Case("gbk", None, "gbk"),
    Case("gb18030", "gb18030"),
    Case("gb18030", "GB18030"),
    Case("gb18030", None, "gb18030", form=_OLD_META),
    Case("big5", "big5", texts=TRADITIONAL),
    Case("big5", "Big5", "big5", texts=TRADITIONAL),
    Case("big5", None, "big5", texts=TRADITIONAL),
    Case("big5hkscs", "big5-hkscs", texts=TRADITIONAL),
    Case("big5", None, "BIG5", texts=TRADITIONAL, form=_OLD_META),
    Case("utf-8", "utf-8"),
    Case("utf-8", "UTF8", "utf-8"),
    Case("utf-8", None, "utf-8"),
    Case("utf-8", None, "UTF-8", form=_OLD_META),
    Case("utf-8"),
    Case("utf-8", texts=TRADITIONAL),
    Case("utf-16-le", "utf-16le"),
    Case("utf-16-be", "utf-16be"),
    Case("gbk", "cp936"),
    # labels of a smaller set than the text needs
    Case("gb18030", "gb2312", "gb2312", texts=RARE),
    Case("gb18030", None, "gb2312", texts=RARE),
    Case("gb18030", "gbk", texts=RARE),
    Case("gb18030", "gb2312", texts=TRADITIONAL),
    Case("gbk", "gb2312", texts=TRADITIONAL),
    # marks of byte order go before all labels
    Case("utf-8", bom=codecs.BOM_UTF8),
    Case("utf-8", "gb2312", "gb2312", bom=codecs.BOM_UTF8),
    Case("utf-8", "big5", bom=codecs.BOM_UTF8),
    Case("utf-16-le", bom=codecs.BOM_UTF16_LE),
    Case("utf-16-be", bom=codecs.BOM_UTF16_BE),
    Case("utf-16-le", "utf-8", "utf-8", bom=codecs.BOM_UTF16_LE),
    Case("utf-16-be", "gb2312", bom=codecs.BOM_UTF16_BE),
    # labels that lie, or that nobody knows
    Case("utf-8", "gb2312"),
    Case("utf-8", "gbk", "gbk"),
    Case("utf-8", None, "gb2312"),
    Case("utf-8", "gb18030", "utf-8"),
    Case("utf-8", "big5", texts=TRADITIONAL),
    Case("utf-8", "iso-8859-1"),
    Case("utf-8", "windows-1252", "gb2312"),
    Case("utf-8", "us-ascii"),
    Case("utf-8", "x-zaobao", "unknown-8bit"),
    Case("utf-8", "rot13", "base64"),
    Case("gb18030"),
    Case("gb18030", "utf-8"),
    Case("gb18030", "iso-8859-1", "iso-8859-1"),
    Case("gb18030", "utf-8", "gb2312"),
    Case("gb18030", "utf-8", "gb18030", texts=RARE),
    Case("gb18030", "x-zaobao", "gbk"),
    Case("gb18030", "us-ascii", "gb2312"),
    Case("gb18030", "", "gb2312"),
    Case("big5", "utf-8", "big5", texts=TRADITIONAL),
    Case("big5", "x-zaobao", "big5", texts=TRADITIONAL),
    # characters cut in two
    Case("utf-8", "utf-8", damage="潮".encode()[:2]),
    Case("utf-8", None, "gb2312", damage="潮".encode()[:1]),
    Case("utf-8", damage="潮".encode()[1:]),
    Case("gb18030", "gb2312", damage="潮".encode("gb18030")[:1]),
    Case("gb18030", None, "gbk", damage="㐂".encode("gb18030")[:3]),
    Case("big5", "big5", texts=TRADITIONAL, damage="潮".encode("big5")[:1]),
    Case("utf-8", "utf-8", tail="潮".encode()[:2]),
    Case("utf-8", None, "big5", tail="潮".encode()[:1]),
    Case("gb18030", "gb2312", tail="潮".encode("gb18030")[:1]),
    Case("gb18030", None, "gb2312", texts=RARE, tail="㐂".encode("gb18030")[:2]),
    Case("big5", "big5", texts=TRADITIONAL, tail="潮".encode("big5")[:1]),
    Case("utf-16-le", bom=codecs.BOM_UTF16_LE, tail=b"\x6f"),
]

GARBLED = [
    Case("big5", texts=TRADITIONAL),
    Case("big5", "utf-8", "utf-8", texts=TRADITIONAL),
    Case("utf-8", "utf-8", damage=b"\xff" * 40),
    Case("gb18030", "gb2312", damage=b"\xff" * 40),
]
