# ruff: noqa: E501, SIM905 - word lists and sentences keep their lines
"""Invented Chinese news prose, the same for the same seed.

It holds what real texts hold and readers stumble over: full-width punctuation, curly quotes,
NBSP and U+3000, numbers with `%`, Latin names, `<`, `&`, now and then an emoji.
"""

from __future__ import annotations

import random

from harvester.replica.story import Block

_FAMILY = "陈林黄李吴蔡郑许洪谢罗梁苏杨高叶邓潘温卓"
_GIVEN = (
    "文涛 美玲 国栋 思敏 建华 丽珊 志豪 雨晴 伟雄 慧仪 子轩 佩芬 仲谦 晓岚 启明 静宜 永康 淑贞"
    " 宗翰 若琳 家骏 碧云 承恩 诗韵 振邦 瑞芝 泽铭 心怡 冠廷 婉君"
).split()
_PLACES = (
    "临海湾 南桥镇 北岭市 白沙岛 青石坡 东浦港 翠屏山 云栖谷 双溪口 金峰县 柳塘区 望洲"
    " 澄江 石榴湾 鹤鸣里 椰林道 红山岬 三江口 玉带河 长屿 槟榔坡 乌桥 新月海峡 大榕树村"
).split()
_BODIES = (
    "海岸管理署 公共住房研究所 北岭大学 渔业合作社 港务咨询公司 城市交通理事会 翠屏医院"
    " 独立统计局 手工艺协会 能源与气候署 临海湾商会 图书馆基金会 河道保育组织 天文学会"
    " 青年乐团 食品安全中心 小贩公会 数码服务局 灯塔遗产信托 自行车联盟"
).split()
_LATIN = (
    "Blue Harbour Ltd",
    "Ortega & Lim",
    "NorthRidge Labs",
    "M. Kowalska",
    "OpenTide",
    "Asha Raman",
    "Delta-9",
    "R&D Asia",
    "Saint Clair Quay",
    "J. P. Okafor",
)
_THINGS = (
    "潮汐闸门 旧货码头 屋顶农场 夜间巴士 海草床 社区厨房 缆车支架 数码病历 雨水花园 候鸟湿地"
    " 二手书市 木偶戏台 电动渡轮 山路护栏 冷链仓库 老街骑楼 实习津贴 校园菜圃 海底电缆 茶叶拍卖"
).split()
_VERBS = (
    "完成检修 延后启用 扩大规模 重新招标 公开账目 试行新规 恢复运作 接受审计"
    " 向公众开放 更换承包商 增设夜班 下调收费"
).split()
_TIMES = (
    "星期一 星期二 星期三 星期四 星期五 星期六 星期天 今早 昨晚 上个月 年初 本季度 雨季前 开学前"
).split()
_REACTIONS = (
    "居民反应不一 商家大多表示欢迎 专家则较为谨慎 网上讨论热烈 周边租金随之波动"
    " 志愿者人手仍然不足 有关文件已上网供查阅 下一轮咨询将在三周后展开"
).split()
_TOPICS = (
    "交通 环境 渔业 住房 教育 医疗 科技 文化遗产 贸易 天文 音乐 饮食 港口 气候 体育 消费".split()
)


class Writer:
    """A source of texts; two writers with one seed write the same."""

    def __init__(self, seed: str) -> None:
        self.rng = random.Random(f"replica:{seed}")  # noqa: S311 - prose, not secrets

    def name(self) -> str:
        """Return a person's name."""
        return self.pick(_FAMILY) + self.pick(_GIVEN)

    def pick(self, words: tuple[str, ...] | list[str] | str) -> str:
        """Return one of `words`."""
        return self.rng.choice(words)

    def number(self) -> str:
        """Return a number as papers write it."""
        low = self.rng.randint(2, 98)
        return self.pick(
            [
                f"{low}.{self.rng.randint(1, 9)}%",
                f"{low},{self.rng.randint(100, 999)}",
                f"{low}万{self.rng.randint(1, 9)}千",
                f"{low * 10}多",
                f"不到（<{low}%）",
            ]
        )

    def title(self) -> str:
        """Return a headline of 14 to 35 characters."""
        place, thing = self.pick(_PLACES), self.pick(_THINGS)
        return self.pick(
            [
                f"{place}{thing}{self.pick(_VERBS)} {self.pick(_BODIES)}称影响{self.number()}住户",
                f"{self.name()}：{place}的{thing}“不能再等” {self.pick(_REACTIONS)}",
                f"{self.pick(_BODIES)}{self.pick(_TIMES)}公布{thing}数据  {place}居首达{self.number()}",
                f"{place}与{self.pick(_PLACES)}合建{thing}　耗资{self.number()}元",
                f"【{self.pick(_TOPICS)}】{thing}{self.pick(_VERBS)}后 {self.name()}谈{place}前景",
            ]
        )

    def sentence(self) -> str:
        """Return one sentence with its full stop."""
        place, body, thing = self.pick(_PLACES), self.pick(_BODIES), self.pick(_THINGS)
        who, when, verb = self.name(), self.pick(_TIMES), self.pick(_VERBS)
        return self.pick(
            [
                f"{body}{when}说，{place}的{thing}将{verb}，预计惠及{self.number()}人。",
                f"{who}受访时指出：“{thing}{verb}之后，{place}一带的维修开支少了{self.number()}。”",
                f"根据{body}的报告，{place}去年处理的{thing}申请共{self.number()}宗，{self.pick(_REACTIONS)}。",
                f"{self.pick(_LATIN)}与{body}签署备忘录，将在{place}试办{thing}项目（首期{self.number()}）。",
                f"{when}，{who}在{place}察看{thing}时说，“工程{verb}，进度已达{self.number()}”。",
                f"不过，{body}提醒，{thing}一旦{verb}，{place}须另备{self.number()}的后备容量。",
                f"{place}居民{who}（{self.rng.randint(19, 86)}岁）告诉记者，{thing}是几代人的记忆，{self.pick(_REACTIONS)}。",
                f"《{thing}手册》列出《{place}宣言》的{self.rng.randint(3, 19)}项承诺，其中{self.number()}已落实。",
            ]
        )

    def paragraph(self) -> str:
        """Return one to four sentences, sometimes with the blanks that editors leave behind."""
        text = "".join(self.sentence() for _ in range(self.rng.randint(1, 4)))
        luck = self.rng.random()
        if luck < 0.06:
            return f"　　{text}"
        if luck < 0.12:
            return f"{text}\N{NO-BREAK SPACE}"
        if luck < 0.15:
            return f"{text}完整数据见 OpenTide\N{NO-BREAK SPACE}2.0 与 Q&A 部分。"
        if luck < 0.16:
            return f"{text}有网民留言：“谢谢大家 😀”。"
        return text

    def paragraphs(self, count: int) -> tuple[Block, ...]:
        """Return `count` plain paragraphs."""
        return tuple(Block("p", self.paragraph()) for _ in range(count))

    def heading(self) -> str:
        """Return a heading between paragraphs."""
        return f"{self.pick(_PLACES)}{self.pick(_THINGS)}{self.pick(_REACTIONS)}"

    def rich_body(self) -> tuple[Block, ...]:
        """Return a body with one of everything: headings, list, table, quote."""
        return (
            *self.paragraphs(2),
            Block("h2", self.heading()),
            *self.paragraphs(2),
            Block("quote", self.sentence()),
            Block("h3", f"延续：{self.heading()}"),
            *(Block("li", self.sentence()) for _ in range(3)),
            *self.paragraphs(1),
            *(
                Block("td", f"{self.pick(_PLACES)}／{self.name()}：{self.number()}")
                for _ in range(4)
            ),
            *self.paragraphs(2),
        )

    def body(self) -> tuple[Block, ...]:
        """Return a body of ordinary shape: 3 to 25 paragraphs, some with a heading."""
        count = min(25, 3 + int(self.rng.expovariate(0.2)))
        blocks = list(self.paragraphs(count))
        if count > 7:
            blocks.insert(count // 2, Block("h3", self.heading()))
        return tuple(blocks)

    def caption(self) -> str:
        """Return a picture's caption with its credit."""
        credit = self.pick(["路透社", "法新社", "海峡时报", "互联网", "受访者提供"])
        return f"{self.pick(_PLACES)}的{self.pick(_THINGS)}，摄于{self.pick(_TIMES)}。（{credit}）"

    def tags(self) -> tuple[str, ...]:
        """Return two to four different keywords."""
        return tuple(self.rng.sample(_TOPICS, self.rng.randint(2, 4)))

    def token(self, length: int = 8, letters: str = "abcdefghijklmnopqrstuvwxyz0123456789") -> str:
        """Return a random name, as files and keys have."""
        return "".join(self.rng.choices(letters, k=length))
