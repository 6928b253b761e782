"""What documents say, for tests that type it."""

import re

from machine import ROOT


def text(page):
    """All of it, on one line: what stands in it may be broken over two."""
    return " ".join((ROOT / page).read_text().split())


def section(page, heading):
    """The text below a heading of a page, as far as the next heading of any level."""
    parts = re.split(rf"^##+ {re.escape(heading)}$", (ROOT / page).read_text(), flags=re.M)
    assert len(parts) == 2, f"{page} has {len(parts) - 1} headings {heading}"
    return re.split(r"^##+ ", parts[1], flags=re.M)[0]


def blocks(page, heading, language="sh"):
    """The blocks of a language in that text."""
    return re.findall(rf"^```{language}\n(.*?)^```$", section(page, heading), re.M | re.S)


def all_blocks(page, language="sh"):
    """The blocks of a language in a whole page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)


def paths(page, heading):
    """The paths at the beginning of the rows of a table in that text."""
    found = re.findall(r"^\| `(/\S+)`", section(page, heading), re.M)
    assert found, f"{page} names no path below {heading}"
    return found
