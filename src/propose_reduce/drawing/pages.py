"""HTML pages from templates that lie in a package; what is put in is escaped."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(folder: str, template: str, **values: Any) -> str:
    """Return a page.

    Args:
        folder: package, and after a colon a folder in it, that holds the template and those that
            it names.
        template: file name.
        values: by name; text is escaped unless it is marked as HTML (``markupsafe.Markup``), and
            a name that the template misses is an error of ours.
    """
    return _environment(folder).get_template(template).render(**values)


@cache
def _environment(folder: str) -> Environment:
    package, _, path = folder.partition(":")
    return Environment(
        loader=PackageLoader(package, path or "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
