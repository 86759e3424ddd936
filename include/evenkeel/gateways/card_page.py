"""The model card in type: Markdown for reading in a repository, and one HTML page that needs nothing beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined

if TYPE_CHECKING:
    from evenkeel.vocabulary.model_card import Figure, ModelCard

_TEMPLATES = Path(__file__).parent / "templates"
_ABSENT = "\N{EN DASH}"
_MARKS = re.compile(r"([\\`*_\[\]<>&|#~])")


def card_html(card: ModelCard) -> str:
    """The card as a page. Whatever it holds is text there, never markup."""
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return _render(page, "card.html", card)


def card_markdown(card: ModelCard) -> str:
    """The card as Markdown. Whatever it holds is text there: marks of Markdown and of HTML are escaped."""
    # Markdown, not HTML: `finalize` escapes every value for it, as autoescape does for a page.
    page = Environment(  # noqa: S701
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_as_text
    )
    return _render(page, "card.md", card)


def _render(environment: Environment, name: str, card: ModelCard) -> str:
    template = environment.from_string((_TEMPLATES / name).read_text(encoding="utf-8"))
    texts = {"number": _number, "interval": _interval, "words": _words, "verbatim": _verbatim}
    return template.render(card=card, **texts).rstrip("\n") + "\n"


class _Verbatim(str):
    """Text between marks within which Markdown knows no escapes: a code span, an address."""

    __slots__ = ()


def _verbatim(text: str) -> _Verbatim:
    return _Verbatim(re.sub(r"[`<>\s]", "", text))


def _as_text(value: Any) -> str:
    if isinstance(value, _Verbatim):
        return str(value)
    return _MARKS.sub(r"\\\1", " ".join(str(value).split()))


def _number(figure: Figure | None, sign: str = "") -> str:
    return _ABSENT if figure is None else _minus(f"{figure.value:{sign}.4f}")


def _interval(figure: Figure | None, sign: str = "") -> str:
    if figure is None or figure.low is None or figure.high is None:
        return ""
    return _minus(f"{figure.low:{sign}.4f} to {figure.high:{sign}.4f}")


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def _words(name: str) -> str:
    return name.replace("_", " ")
