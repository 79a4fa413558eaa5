"""The generator of texts and of bulk stories."""

from __future__ import annotations

from harvester.replica import Site
from harvester.replica.texts import Writer


def test_one_seed_one_text() -> None:
    """Two writers with one seed write the same, with another seed something else."""
    assert Writer("a").body() == Writer("a").body()
    assert Writer("a").body() != Writer("b").body()


def test_articles_have_3_to_25_paragraphs() -> None:
    """A body has 3 to 25 paragraphs, and both short and long ones come up."""
    sizes = {sum(block.tag == "p" for block in Writer(str(seed)).body()) for seed in range(300)}

    assert min(sizes) == 3
    assert max(sizes) == 25


def test_texts_hold_what_readers_stumble_over() -> None:
    """Full-width marks, curly quotes, NBSP, U+3000, per cent, `<`, `&` and emoji all occur."""
    text = "".join("".join(shown.story.blocks) for shown in Site.bulk(200).truth())

    for piece in ("，", "“", "”", "（", "\xa0", "　", "%", "<", "&", "😀", "Blue Harbour"):
        assert piece in text


def test_a_thousand_stories_are_all_different() -> None:
    """1,000 generated stories have 1,000 ids, addresses and texts."""
    stories = [shown.story for shown in Site.bulk(1000).truth()]

    assert len({story.story_id for story in stories}) == 1000
    assert len({story.path for story in stories}) == 1000
    assert len({story.blocks for story in stories}) == 1000
    assert not any(shown.twin for shown in Site.bulk(1000).truth())


def test_seeds_give_different_sites() -> None:
    """Another seed gives other stories."""
    first, second = Site.bulk(50, 1).truth(), Site.bulk(50, 2).truth()

    assert not {s.story.blocks for s in first} & {s.story.blocks for s in second}
