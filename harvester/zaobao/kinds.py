"""The words of pages that are no articles: what they are called, and how they speak.

A page is called by its title, or by all of it where there is little. It speaks to its visitor, in
the first and second person, where an article tells of others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAMES = {
    "challenge": (
        r"just a moment|checking your browser|captcha|attention required|are you (?:a )?human"
        r"|access denied|request blocked|request unsuccessful|human verification|not a robot"
        r"|enable (?:js|javascript) and|protected by privacy|you have been blocked"
        r"|请稍候|验证您是真人|人机验证|安全验证|访问异常|访问过于频繁|请完成验证"
    ),
    "soft-404": (
        r"\b404\b|page not found|not be found|no longer available|nosuchkey|does not exist"
        r"|(?:页面|网页|文章|内容)(?:不存在|未找到)|已被?(?:删除|移除|下架)"
        r"|找不到\S{0,8}(?:页|文章|内容)|无法找到|不存在或已"
    ),
    "consent": r"cookie|隐私(?:权|政策|声明|条款)|同意并继续|consent|个人资料",
    "login": r"请先?登录|^[^\S\n]*(?:会员|用户)?登[录入]|log ?in|sign ?in|忘记密码",
    "search": r"搜索结果|search results",
    "maintenance": (
        r"维护中|系统维护|maintenance|service unavailable|bad gateway|gateway time-?out"
        r"|internal server error|backend fetch failed|request could not be satisfied"
        r"|error occurred while processing|unexpected error"
    ),
}
_SPEECH = {
    "soft-404": (
        r"(?:抱歉|对不起|很遗憾)[^。！]{0,20}(?:网页|页面|文章|内容|链接|网址|新闻)[^。！]{0,20}"
        r"(?:不存在|找不到|无法|未能|删除|移除|下架|过期|失效)"
        r"|(?:抱歉|对不起|很遗憾)[^。！]{0,12}(?:找不到|无法找到|未能找到)[^。！]{0,16}"
        r"(?:网页|页面|文章|内容|链接|网址)"
        r"|您(?:所|要|正在|想)?(?:查找|访问|浏览|请求|寻找|找)的?\S{0,6}(?:网页|页面|文章|内容|链接)"
        r"|请检查(?:网址|链接)|检查您输入的(?:网址|链接)|返回(?:首页|主页|上一页)"
        r"|(?:sorry|oops)\b[^.!]{0,60}\b(?:page|article|story|content)\b"
        r"|page you (?:are|were)|check the (?:address|url)|return to (?:the|our) home ?page"
    ),
    "consent": (
        r"我们(?:及|和|与|的)?\S{0,24}(?:使用|存储)\S{0,16}(?:cookie|信息)"
        r"|^(?:接受|拒绝)全部|^全部(?:接受|拒绝)"
        r"|管理(?:偏好|选项|cookie)|您的(?:同意|偏好|隐私|个人资料)|在您的设备|(?:经|征得|取得)您的?\S{0,2}同意"
        r"|(?:点击|按下)[“「]?(?:全部)?(?:接受|同意)|选择[“「](?:全部)?(?:接受|同意)"
        r"|即表示您\S{0,4}(?:同意|接受)"
        r"|您(?:可以|也可以|有权)?(?:随时)?\S{0,4}(?:撤回同意|更改您的|查阅和更正)|(?:修订|更新)本政策"
        r"|本(?:隐私)?政策(?:说明|适用)|we (?:and our|use)\b[^.]{0,60}\b(?:cookies|partners|store)"
        r"|your (?:consent|privacy|preferences|personal data)"
    ),
    "login": (
        r"请先?(?:登录|登入)(?:或\S{2,4})?\S{0,2}(?:以|后|才能|再|继续)|还没有(?:账号|帐号|账户|帐户)"
        r"|忘记密码|(?:log|sign) in to (?:continue|read|view)"
    ),
    "maintenance": (
        r"(?:本网?站|我们的?\S{0,4}|^(?:系统|网站|服务))(?:正在|现正)\S{0,6}维护"
        r"|(?:(?<![“「‘])请稍?后|(?<![“「‘请])稍后)再(?:试|来|访问)"
        r"|[给为]您(?:造成|带来)\S{0,4}不便[，,]?\s*敬请|try again later"
    ),
    "challenge": (
        r"请[^，。]{0,10}(?:完成|通过)[^，。\s]{0,6}验证|(?:完成|通过)(?:安全|人机|真人)?验证(?:后|以|才)"
        r"|您\S{0,2}是(?:否|不是)?\S{0,2}真人|启用 ?javascript"
        r"|enable (?:js|javascript)|not a robot"
    ),
}


# Whoever is spoken to, and what only a page speaks of: both in one paragraph.
_VISITOR = re.compile(
    r"您|\byour?\b|本(?:页|頁|站|网站|網站|服务|服務|内容)"
    r"|(?<![“「‘])请(?:先|重新)?(?:启用|刷新|检查|返回|更新|登录|稍后|前往|下载)",
    re.IGNORECASE,
)
_PAGE = re.compile(
    r"网[页址]|網[頁址]|[页頁]面|首[页頁]|浏览|瀏覽|登[录錄入]|[账帐帳][户戶号號]|免费文章"
    r"|刷新|链接|連結|[邮郵]箱|电邮|验证|驗證|不是机器人|\b(?:page|browser|website|account|article)\b"
    r"|cookie|javascript|subscri"
    # The paper's own notices, and letters to its writers, speak of these as well.
    r"|本(?:[页頁]|[网網]?站)\S{0,60}(?:文章|[订訂][阅閱户戶]|[网網][站络絡]|版[权權])"
    r"|(?:文章|[订訂][阅閱户戶]|[网網][站络絡]|版[权權])\S{0,60}本(?:[页頁]|[网網]?站)",
    re.IGNORECASE,
)

_FLAGS = re.IGNORECASE | re.MULTILINE
_NAMED = tuple((kind, re.compile(names, _FLAGS)) for kind, names in _NAMES.items())
_SPOKEN = tuple((kind, re.compile(speech, _FLAGS)) for kind, speech in _SPEECH.items())
# What most of a title must be made of for the page to be called by it.
_CALLED = 0.8
# A page that speaks to its visitor is short.
_SPEECH_LIMIT = 600
# A longer paragraph counts by its sentences: one of them does not make all of it speech.
_LONG = 150
_SENTENCE = re.compile(r"[^。！？!?\n]+[。！？!?\n]*")
# What is quoted is said by others; a few words may be the name of a button.
_QUOTED = re.compile(r'“[^“”]{8,}”|「[^「」]{8,}」|"[^"]{8,}"')


def named(text: str) -> str | None:
    """Return the kind of page that a text has a name of, or None."""
    return next((kind for kind, names in _NAMED if names.search(text)), None)


def called(title: str) -> str | None:
    """Return the kind of page whose names make up a title, such as "404 页面不存在", or None."""
    letters = sum(map(str.isalnum, title))
    for kind, names in _NAMED:
        found = sum(sum(map(str.isalnum, match[0])) for match in names.finditer(title))
        if found >= letters * _CALLED > 0:
            return kind
    return None


def spoken(blocks: Iterable[str]) -> str | None:
    """Return the kind of page that half of a text, or more, speaks as, or None.

    Counted are whole paragraphs in which the page turns to its visitor; of long ones, sentences.
    """
    texts: list[str] = []
    room = _SPEECH_LIMIT
    for part in (part for block in blocks for part in _parts(block)):
        texts.append(part)
        room -= len(part)
        if room < 0:
            return None
    return next((kind for kind, speech in _SPOKEN if _is_most(texts, speech)), None)


def is_addressed(blocks: Iterable[str]) -> bool:
    """Say whether half of a text, or more, tells its visitor of the page itself.

    What kind of page that is remains open. Only for short texts: a letter turns to somebody too.
    """
    return _is_most([block for block in blocks if block], _VISITOR, _PAGE)


def _parts(block: str) -> list[str]:
    """Return what is told of a paragraph at once."""
    if len(block) > _LONG:
        return _SENTENCE.findall(block)
    return [block] if block else []


def _is_most(texts: list[str], *patterns: re.Pattern[str]) -> bool:
    """Say whether the texts that match make up half of all; stop where they no longer can."""
    allowed = sum(map(len, texts)) / 2
    for text in texts:
        said = _QUOTED.sub("", text)
        if not all(pattern.search(said) for pattern in patterns):
            allowed -= len(text)
        if allowed < 0:
            return False
    return bool(texts)
