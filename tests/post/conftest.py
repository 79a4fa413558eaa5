"""A post written by hand and a maker of articles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from harvester.model import Article, Era, Instant


@pytest.fixture(scope="session")
def sample() -> bytes:
    """Return a whole post in today's dialect, with text made for the tests."""
    return """---
layout: post
title: "市民在公园里种下\\"第一棵\\"树"
date: 2023-03-12T02:30:05.000Z
author: 联合早报
from: https://www.zaobao.com.sg/realtime/china/story20230312-1370001
tags: [ 联合早报 ]
comments: True
categories: [ 联合早报 ]
---
<!--1678588205000-->
[市民在公园里种下"第一棵"树](https://www.zaobao.com.sg/realtime/china/story20230312-1370001)
------

<div>
<p>春天来了，公园里多了一棵树。</p><p>孩子们说，明年再来。</p>
</div>
""".encode()


@pytest.fixture(scope="session")
def article_of() -> Callable[..., Article]:
    """Return a maker of articles that differ in what a test is about."""

    def make(
        title: str = "一则消息",
        body: str = "<p>一段文字。</p>",
        at: datetime = datetime(2023, 3, 12, 2, 30, 5, tzinfo=UTC),
        url: str = "https://www.zaobao.com.sg/realtime/china/story20230312-1370001",
    ) -> Article:
        return Article(
            story_id="1370001",
            url=url,
            section="realtime/china",
            title=title,
            published=Instant(at, "json-ld"),
            body=body,
            blocks=(),
            era=Era.SG_2019,
        )

    return make
