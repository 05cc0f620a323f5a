"""HTML from the packaged templates."""

import pytest
from jinja2 import UndefinedError

from lit_adv.html import page


def test_text_is_escaped_and_nothing_may_be_missing() -> None:
    rows = {"set": {"<b>": "a & b"}}
    found = page("lit_adv.reproduce", "page.html", data="<i>", sections=[], sets=rows)
    assert all(text in found for text in ("<th>&lt;b&gt;", ">a &amp; b<", "figures on &lt;i&gt;"))
    with pytest.raises(UndefinedError):
        page("lit_adv.reproduce", "page.html", data="mnist")
