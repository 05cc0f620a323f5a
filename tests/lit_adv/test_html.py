"""HTML from the packaged templates."""

import pytest
from jinja2 import UndefinedError

from lit_adv.html import page


def test_text_is_escaped_and_nothing_may_be_missing() -> None:
    sections = [
        {
            "name": "figure-1", "title": "<b>&", "published": "", "note": "", "images": [], "tables": [],
            "numbers": {}, "shown": {}, "long": [],
        }
    ]  # fmt: skip
    found = page("lit_adv.reproduce", "page.html", data="mnist", sections=sections, sets={})
    assert "&lt;b&gt;&amp;" in found
    assert "<b>&" not in found
    with pytest.raises(UndefinedError):
        page("lit_adv.reproduce", "page.html", data="mnist")
