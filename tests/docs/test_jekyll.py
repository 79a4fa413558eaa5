"""The site of docs/jekyll, built by the real Jekyll."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
import yaml
from selectolax.lexbor import LexborHTMLParser, LexborNode

from harvester.drafts import draft_of_page, normalise
from harvester.handoff.feeds import publish_feeds
from harvester.handoff.record import Record, records
from harvester.model import BodyMode, Draft
from harvester.replica.texts import Writer
from harvester.store import open_archive
from tests.docs.site import RECIPE, build
from tests.store.support import NOON, open_store
from tests.support.figures import Figures, cases
from tests.support.pages import LONG, page, paragraphs

POSTS = cases(200, 1000)
MODES = tuple(BodyMode)
# What YAML, Liquid, HTML, Markdown, file names and addresses take for theirs.
TITLES = (
    *r"""
“引号”与"双引号"与'单引号'
"
'
\
\"
C:\temp\new \
冒号: 值
: x
#井号 # 两个
a #b
- 短横
-
---
--- ...
! 叹号
& 和号
* 星号
*a: &b
%
100% %41 %7B%7D
@
|
| ? > @
> 引用
~
null
true
1234
2021-01-01
[a, b]
{a: b}
?
=
<<
...
标题...
..标题
标题。。。
.
\u0041 \x41
{{ x }}
{{ page.title | nofilter }}
{{
}}
{%
%}
{
{ {x} }
{#
{{{ x }}}
{% raw %}
{% endraw %} {% include x %}
{%- if -%}
{% highlight %}
&#123;&#123; x
<b>粗体</b>
<script>alert(1)</script>
<!-- 注
-->
<div>
</div>
</h1>
<
<a
A & B &amp; &lt; &nbsp;
<![CDATA[
]]>
<?php ?>
<%= x %>
<script><div></script>
*强调* _下划线_ __粗__
*
_
`反引号` ``两``
`
```
``` ruby
~~~
=====
[方括号](http://x.y) ]( [x][y] [^1]
![x](y)
[x]: http://y
x]: http://y
^1]: x
](
*[abbr]: x
{: .class #id}
{::comment}
{::nomarkdown}x{:/}
{::options x='y' /}
$$
$$x$$ $$
http://example.com <http://x.y>
foo@bar.com
1. 列表
+ 列表
a|b|c
||
a -- b --- c << d >> ...
(c) (r) "q" 'q'
\[ \] \(
^
同一标题
同一标题
同一标题
Same Title
same title
SAME TITLE
甲，乙
甲 乙
甲乙
甲、乙
a..b
a....b
a...b
a.....b
a/b
a//b
a/../b
a./b
../../x
/
a?b=c&d
a#b
a%2Fb
a;b
CON
index
𠮷野家
""".strip().splitlines(),
    *("很长" * 60, "很长" * 60, f"{'长' * 49}😀😀", "\u202e倒写\u202c \u200f标题", "e\u0301 \xe9"),
    *("😀👨\u200d👩\u200d👧", "a  两格　全角\N{NO-BREAK SPACE}不断"),
)
TEXTS = (
    *r"""
{{ x }} {% raw %} {{{ }}} {%- x -%} {% include x %}
**不是** _x_ `code` [a](b) ![i](j)
<b> & &amp; &nbsp; ]]> <!-- -->
</div> </p> <div>
<script>x</script>
C:\x\ \* \_
1. 列表
# 井号
- 项
> 引
~~~
---
a | b
*[x]: y
[^1]: z
[x]: y
$$x$$
{: .class}
{::comment}
{::options x='y' /}
"引号" 'x' ... -- --- << >>
""".strip().splitlines(),
    "😀 \u202eabc\u202c",
)
MARKUP = (
    "<p>一行<br>又一行 <strong>粗 *a*</strong> <a href='https://e.org/?a=1&amp;b=[2]'>l_i_nk</a></p>"
    "<h2>小标题 _x_</h2><ul><li>一 *二*</li></ul><table><tr><td>a|b</td><td></td></tr></table>"
    "<pre>  pre {{ x }}\n  code</pre><blockquote>引 > *用*</blockquote><figure><img alt='*图*' "
    "src='https://www.zaobao.com.sg/sites/default/files/a_b_c.jpg'>"
    "<figcaption>图 {{ y }} *a*</figcaption></figure>"
)


def draft(number: int) -> Draft:
    """Return a story as it is read from a page: each title alone, then before another title.

    Every other body is verbatim; of each title there are both.
    """
    hostile = TITLES[number % len(TITLES)]
    title = hostile if number < len(TITLES) else f"{hostile} {Writer(str(number)).title()}"
    body = paragraphs([f"{LONG}{number}", *TEXTS]) + MARKUP
    url = f"https://www.zaobao.com.sg/realtime/china/story20230312-{1370000 + number}"
    mode = MODES[(number + number // len(TITLES)) % len(MODES)]
    article = normalise(page(body, title=title).encode(), url, body=mode)
    assert title == article.title
    return draft_of_page(article, NOON)


async def harvest(root: Path) -> None:
    """Store the posts, with their manifest and feeds."""
    async with open_store(root) as archive:
        await asyncio.gather(*(archive.put(draft(number)) for number in range(POSTS)))
        await archive.publish_manifest()
    with open_archive(root / "seeds", root / "state") as reader:
        publish_feeds(root / "seeds", reader)


def names(folder: Path) -> set[str]:
    """Return the files below a folder by relative path."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def parsed(path: Path) -> LexborHTMLParser:
    """Return a page of the site."""
    return LexborHTMLParser(path.read_text("utf-8"))


def one(tree: LexborHTMLParser, selector: str) -> LexborNode:
    """Return the only element that a selector finds."""
    (found,) = tree.css(selector)
    return found


def squeezed(text: str) -> str:
    """Return text without blanks."""
    return "".join(text.split())


def check_post(built: Path, story: Record) -> None:
    """Hold the page of a story to the archive."""
    tree = parsed(built)
    body = one(tree, "article > div")
    held = one(LexborHTMLParser(f"<div>\n{story.html}\n</div>"), "body > div")

    assert story.title == one(tree, "h1").text() == one(tree, "title").text()
    assert story.url == one(tree, "h1 > a").attributes["href"]
    assert held.inner_html == body.inner_html
    assert squeezed(story.text) in squeezed(body.text())
    assert all(text in body.text() for text in TEXTS)
    assert tree.css("script") == []


@pytest.mark.gate("C2 C3", "titles, paths, front matter, Liquid, comment")
async def test_build(figures: Figures, jekyll: str, tmp_path: Path) -> None:
    """A thousand posts are built without a word of warning, each shown as it was published."""
    await harvest(tmp_path)
    site, said = build(jekyll, tmp_path)
    with open_archive(tmp_path / "seeds", tmp_path / "state") as archive:
        stories = list(records(archive))
    pages = {f"story/{story.story_id}.html": story for story in stories}

    assert not re.search("warn|error|conflict|deprecat|skip", said, re.IGNORECASE), said
    assert len(pages) == POSTS
    assert {"index.html", *pages} == names(site)
    for name, story in pages.items():
        check_post(site / name, story)
    links = parsed(site / "index.html").css("li a")
    assert {f"/{name}": story.title for name, story in pages.items()} == {
        link.attributes["href"]: link.text() for link in links
    }
    assert {"MANIFEST.jsonl", "feeds/all.atom"} <= names(tmp_path / "seeds")
    liquid = [story for story in stories if "{{" in story.title or "{%" in story.title]
    assert len(liquid) > POSTS / 50
    figures.all("posts that Jekyll 4 shows as published", len(pages), of=POSTS)


def test_strict() -> None:
    """The recipe asks Jekyll to stop at whatever it would otherwise pass over."""
    config = yaml.safe_load((RECIPE / "_config.yml").read_text("utf-8"))

    assert config["strict_front_matter"] is True
    assert config["liquid"] == {
        "error_mode": "strict",
        "strict_filters": True,
        "strict_variables": True,
    }
