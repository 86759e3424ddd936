"""The account of causes on the page of a drift report: a section above what Evidently draws."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECTION = re.compile(r'<section id="account">.*?</section>', re.DOTALL)


def add_account(page: str, sentences: Sequence[str]) -> str:
    """The page with the sentences as a list in its section, in place of those that were there."""
    items = "".join(f"<li>{html.escape(one)}</li>" for one in sentences)
    shown = f'<section id="account"><h2>Where it comes from</h2><ul>{items}</ul></section>'
    return _SECTION.sub(lambda _: shown, page, count=1)
