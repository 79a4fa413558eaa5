"""The hand-arranged stories: every era, host, section habit and trap at least once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harvester.model import Access, Era
from harvester.replica.making import make
from harvester.replica.story import HK, SG, Block, Story, Variant
from harvester.replica.texts import Writer

BOTH = (SG, HK)

_HOSTILE_TITLES = (
    "\"双引号\"与'单引号'并列的标题: 冒号 \\ 反斜线",
    "{{ page.title }} 出现在标题里",
    "{% raw %} 之后还有 {% endraw %} 的标题",
    "[方括号] 与 ](链接) 和/斜线/一起出现",
    "--- 三个短横之后才是标题...",
    "<b>不是粗体</b> & 也不是 &amp; 的标题",
    "C:\\临海湾\\报告：第一季 100%  完成？",
    "#井号开头 * 星号 _下划线_ `反引号` | 竖线",
)


def _rich(path: str) -> tuple[Block, ...]:
    return Writer(f"{path}:rich").rich_body()


def _drupal() -> Iterator[Story]:
    era, preview = Era.SG_2013, Access.PREVIEW
    yield make("realtime/china/story20140312-319001", era, "2014-03-12T10:05:07", 1)
    yield make("news/world/story20150821-517002", era, "2015-08-21T03:30:03")
    yield make("znews/singapore/story20160105-566103", era, "2016-01-05T03:30:00", 1)
    yield make(
        "culture/entertainment/cinema/story20160127-575556",
        era,
        "2016-01-27T09:00:00",
        2,
        variant=Variant.CULTURE,
    )
    yield make(
        "finance/singapore/story20161010-675905",
        era,
        "2016-10-10T03:30:03",
        access=preview,
        body=Writer("drupal-preview").paragraphs(3),
    )
    yield make(
        "zpolitics/report/story20170303-731106",
        era,
        "2017-03-03T08:00:00",
        variant=Variant.ZPOLITICS,
    )
    path = "special/report/politic/uselection2016/news/story20170429-754308"
    yield make(path, era, "2017-04-28T23:59:59", 3, body=_rich(path))
    yield make(
        "znews/greater-china/story20170429-754280",
        era,
        "2017-04-29T03:30:00",
        also=("news/china/story20170429-754280",),
    )
    yield make("zfinance/realtime/story20170428-754098", era, "2017-04-28T12:00:00", hosts=BOTH)
    yield make(
        "zlifestyle/car-gadget/story20170428-753981",
        era,
        "2017-04-25T03:30:00",
        1,
        title=_HOSTILE_TITLES[0],
    )
    yield make(
        "news/fukan/mini-columns/story20180614-867010",
        era,
        "2018-06-14T00:00:00",
        body=_beyond_gb2312(),
        variant=Variant.GB2312,
    )
    yield make(
        "zopinions/editorial/story20181203-912011",
        era,
        "2018-12-02T20:15:30",
        title=_HOSTILE_TITLES[1],
    )


def _beyond_gb2312() -> tuple[Block, ...]:
    """Return a body with characters that only GBK or GB 18030 can write."""
    return (Block("p", "镕基桥与喆园都在修缮，门票㐂字号照旧。"), *Writer("gb").paragraphs(4))


def _zbsg() -> Iterator[Story]:
    era, preview = Era.SG_2019, Access.PREVIEW
    yield make(
        "realtime/world/story20191101-1001201",
        era,
        "2019-11-01T18:40:00",
        1,
        hosts=BOTH,
        variant=Variant.US_DATE,
    )
    yield make("znews/sea/story20200102-1017772", era, "2020-01-02T05:00:00", 1, access=preview)
    yield make(
        "realtime/china/story20200725-1071822",
        era,
        "2020-07-25T09:27:15",
        5,
        hosts=BOTH,
        title=f"【图集】{Writer('gallery').title()}",
    )
    path = "realtime/china/story20201202-1105391"
    yield make(path, era, "2020-12-02T23:10:00", 1, hosts=BOTH, body=_with_tweet(path))
    yield make(
        "realtime/china/story20210122-1118801",
        era,
        "2021-01-22T15:33:00",
        hosts=BOTH,
        variant=Variant.US_DATE,
    )
    yield make(
        "news/singapore/story20210315-1131301", era, "2021-03-15T05:00:00", 1, access=preview
    )
    path = "realtime/china/story20210616-1156502"
    yield make(path, era, "2021-06-16T20:00:01", 3, hosts=BOTH, body=_rich(path))


def _zbsg_since_2021_11() -> Iterator[Story]:
    era, preview = Era.SG_2019, Access.PREVIEW
    yield make("realtime/china/story20211101-1209230", era, "2021-11-01T18:40:18", hosts=BOTH)
    yield make(
        "realtime/china/story20211113-1213101",
        era,
        "2021-11-13T00:05:00",
        1,
        hosts=BOTH,
        title=_HOSTILE_TITLES[2],
    )
    yield make(
        "news/sea/story20220406-1259921",
        era,
        "2022-04-03T05:00:00",
        4,
        embeds=("https://www.youtube.com/embed/replica0001",),
    )
    yield make("realtime/china/story20221101-1328512", era, "2022-11-01T08:41:00", 1, hosts=BOTH)
    yield make(
        "news/china/story20221102-1328900", era, "2022-11-02T05:00:00", access=preview, hosts=BOTH
    )
    yield make(
        "realtime/world/story20230130-1357871",
        era,
        "2023-01-30T12:00:59",
        hosts=BOTH,
        title=_HOSTILE_TITLES[3],
    )
    yield make(
        "realtime/china/story20230601-1400391",
        era,
        "2023-06-01T00:30:00",
        2,
        hosts=BOTH,
        variant=Variant.US_DATE,
    )
    yield make(
        "lifestyle/food/story20231028-1446611",
        era,
        "2023-10-24T16:45:33",
        1,
        title=_HOSTILE_TITLES[4],
    )
    yield make(
        "realtime/china/story20240306-3119501",
        era,
        "2024-03-06T11:11:11",
        1,
        hosts=BOTH,
        also=("news/china/story20240306-3119501",),
    )


def _with_tweet(path: str) -> tuple[Block, ...]:
    writer = Writer(f"{path}:tweet")
    return (
        *writer.paragraphs(3),
        Block("tweet", "The lighthouse at Red Hill Cape is open again & free to visit all week."),
        Block("tweet-by", "— Red Hill Trust (@redhilltrust) December 2, 2020"),
        *writer.paragraphs(4),
    )


def _hong_kong() -> Iterator[Story]:
    era, hosts = Era.HK_2020, (HK,)
    yield make("realtime/china/story20201120-1102501", era, "2020-11-20T21:15:00", 1, hosts=hosts)
    path = "realtime/world/story20220723-1295601"
    yield make(path, era, "2022-07-23T06:27:00", 1, hosts=hosts, body=_rich(path))
    yield make("news/china/story20220820-1304801", era, "2022-08-20T09:00:00", 4, hosts=hosts)
    yield make(
        "realtime/china/story20250401-6091001",
        era,
        "2025-04-01T13:00:05",
        hosts=hosts,
        body=Writer("twenty-five").paragraphs(25),
    )
    path = "realtime/china/story20251002-7610001"
    yield make(path, Era.HK_2025, "2025-10-02T10:20:30", 3, hosts=hosts, body=_rich(path))
    yield make(
        "finance/realtime/story20260731-9301001",
        Era.HK_2025,
        "2026-07-31T08:08:08",
        1,
        hosts=hosts,
        title=_HOSTILE_TITLES[5],
    )


def _react() -> Iterator[Story]:
    era = Era.SG_2024
    yield make("realtime/china/story20240702-4001001", era, "2024-07-02T09:30:15", 1, hosts=BOTH)
    yield make("lifestyle/culture/story20240726-1199956", era, "2024-07-26T15:10:15", 2)
    path = "news/china/story20251202-7906402"
    yield make(
        path,
        era,
        "2025-12-02T05:00:00",
        3,
        hosts=BOTH,
        body=_rich(path),
        also=("realtime/china/story20251202-7906402",),
    )
    yield make(
        "realtime/singapore/story20260108-8201001",
        era,
        "2026-01-08T13:14:15",
        1,
        title=_HOSTILE_TITLES[6],
    )
    yield make(
        "forum/editorial/story20260415-8801001",
        era,
        "2026-04-15T05:00:00",
        title=_HOSTILE_TITLES[7],
    )
    yield make(
        "realtime/finance/story20260803-9320001",
        era,
        "2026-08-03T14:05:44",
        1,
        hosts=BOTH,
        embeds=("https://www.facebook.com/plugins/post.php?href=replica",),
    )
    yield make("realtime/china/story20260930-9762332", era, "2026-09-30T23:59:58", 1, hosts=BOTH)
    yield make("realtime/world/story20261001-10000007", era, "2026-10-01T08:00:00", hosts=BOTH)
    # a story of 2016 in the markup of today
    yield make("special/report/singapore/sg-cn/story20160520-619001", era, "2016-05-20T03:30:03", 1)
    yield make("znews/international/story20170429-754298", era, "2017-04-29T03:30:00")
    yield make(
        "news/singapore/story20260901-9500001",
        era,
        "2026-09-01T05:00:00",
        body=(
            Block("p", "{{ site.posts }} 与 {% include secret.html %} 只是文字。"),
            Block("p", "<script>alert(1)</script> 也只是文字，1 < 2 & 3 > 2。"),
            *Writer("liquid").paragraphs(3),
        ),
    )


def _damaged() -> Iterator[Story]:
    """One source of the page of 2024 missing, cut or dirty."""
    era = Era.SG_2024
    yield make(
        "realtime/china/story20250208-5830001",
        era,
        "2025-02-08T22:00:00",
        1,
        variant=Variant.CONTROL,
    )
    yield make(
        "realtime/world/story20250321-6045580",
        era,
        "2025-03-21T07:45:12",
        variant=Variant.NO_JSONLD,
    )
    yield make(
        "realtime/world/story20250322-6045777",
        era,
        "2025-03-22T07:45:12",
        1,
        variant=Variant.NO_STATE,
    )
    yield make(
        "finance/singapore/story20250623-6871672",
        era,
        "2025-06-20T05:00:00",
        variant=Variant.NO_LAYER,
    )
    yield make(
        "wencui/political/story20250624-6957874",
        era,
        "2025-06-24T10:00:00",
        1,
        variant=Variant.CUT_JSONLD,
    )
    yield make("news/story20250624-6958557", era, "2025-06-23T23:30:01", variant=Variant.CUT_STATE)
    yield make(
        "lifestyle/columns/story20250627-6958484",
        era,
        "2025-06-24T18:00:00",
        variant=Variant.STATE_ONLY,
    )


def _twins() -> Iterator[Story]:
    """Two stories with one text, as print and online desks publish the same piece."""
    first = make("news/singapore/story20260611-9100001", Era.SG_2024, "2026-06-11T05:00:00")
    second = make("realtime/singapore/story20260611-9100177", Era.SG_2024, "2026-06-11T09:41:20")
    yield first
    yield replace(second, title=first.title, body=first.body)


def _fillers() -> Iterator[Story]:
    for number, section in enumerate(("china", "world", "singapore", "finance", "china", "world")):
        day = f"2026-09-{20 + number}"
        path = f"realtime/{section}/story{day.replace('-', '')}-97{number}0001"
        yield make(path, Era.SG_2024, f"{day}T1{number}:20:3{number}", number % 2, hosts=BOTH)


def stories() -> tuple[Story, ...]:
    """Return all hand-arranged stories."""
    return (
        *_drupal(),
        *_zbsg(),
        *_zbsg_since_2021_11(),
        *_hong_kong(),
        *_react(),
        *_damaged(),
        *_twins(),
        *_fillers(),
    )


FORBIDDEN = make("realtime/china/story20250505-6300001", Era.SG_2024, "2025-05-05T05:05:05")
"""A story whose address robots.txt forbids."""

MOVED_TO_SG = "realtime/world/story20191101-1001201"
"""A story that www.zaobao.com answers with a redirect to the same path of www.zaobao.com.sg."""
