import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from propose_reduce.drawing.pages import render

BASE = {"title": "t", "subtitle": "", "provenance": {}, "notes": []}


def page(**values):
    return render("propose_reduce.evaluation.reports:templates", "base.html", **{**BASE, **values})


def test_text_is_escaped_and_marked_html_is_not():
    assert "<h1>&lt;b&gt;</h1>" in page(title="<b>")
    assert "<h1><b></h1>" in page(title=Markup("<b>"))


def test_a_value_that_was_forgotten_is_an_error():
    with pytest.raises(UndefinedError, match="title"):
        render("propose_reduce.evaluation.reports:templates", "base.html")
