"""Build the site: python docs/build.py [FOLDER], default build/site.

The pages are put together in ``build/docs``: those of ``docs``, files that lie beside it,
notebooks, and two pages that are made and so cannot go stale: the settings, from the pydantic
fields, and the commands, from the command line itself. Zensical makes the site of them; a warning
is an error.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import nbformat
import typer
import yaml
from nbconvert import MarkdownExporter
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

REPOSITORY = Path(__file__).parents[1]
TAKEN_IN = {
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "third_party.md": "THIRD_PARTY.md",
    "changelog.md": "CHANGELOG.md",
    "licence.txt": "LICENSE",
    "citation.cff": "CITATION.cff",
    "reference/result.schema.json": "src/propose_reduce/results/result.schema.json",
}
"""Files of the repository outside of ``docs``: place in the site -> file."""
LINK = re.compile(r"(\]\()((?!https?:|mailto:|#)[^)#\s]+)")
TAKEN_ALONG = {".png", ".gif", ".webp", ".svg", ".css"}


def build(site: Path) -> None:
    """Write the site into a folder."""
    stage = REPOSITORY / "build" / "docs"
    shutil.rmtree(stage, ignore_errors=True)
    places = set()
    for place, content in pages():
        (stage / place).parent.mkdir(parents=True, exist_ok=True)
        (stage / place).write_bytes(content)
        places.add(place)
    told = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text("utf-8"))
    told |= {"docs_dir": "docs", "site_dir": "site"}  # Zensical takes relative folders only
    settings = REPOSITORY / "build" / "mkdocs.yml"
    settings.write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
    unlisted = {place for place in places if place.endswith(".md")} - set(_listed(told["nav"]))
    if unlisted:
        sys.exit(f"pages that the navigation of mkdocs.yml lacks: {', '.join(sorted(unlisted))}")
    command = ["zensical", "build", "--strict", "--clean", "-f", str(settings)]
    if returned := subprocess.run(command, check=False).returncode:
        sys.exit(returned)
    made = settings.with_name("site")
    if site.resolve() != made:
        shutil.copytree(made, site, dirs_exist_ok=True)


def _listed(nav: Any) -> Iterator[str]:
    """Return the pages of a navigation."""
    if isinstance(nav, str):
        yield nav
    for entry in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _listed(entry)


def pages() -> Iterator[tuple[str, bytes]]:
    """Return the files of the site before it is built: place and content."""
    for file in sorted((REPOSITORY / "docs").rglob("*")):
        place = file.relative_to(REPOSITORY / "docs").as_posix()
        if file.suffix == ".md":
            yield place, led(file.read_text("utf-8"), f"docs/{place}", place)
        elif file.suffix == ".ipynb":
            notebook = nbformat.read(file, as_version=4)
            text, resources = MarkdownExporter().from_notebook_node(notebook)
            yield place.replace(".ipynb", ".md"), led(text, f"docs/{place}", place)
            for name, picture in resources["outputs"].items():
                yield f"{Path(place).parent.as_posix()}/{name}", picture
        elif file.suffix in TAKEN_ALONG:
            yield place, file.read_bytes()
    for place, name in TAKEN_IN.items():
        yield place, led((REPOSITORY / name).read_text("utf-8"), name, place)
    yield "reference/settings.md", settings_page().encode()
    yield "reference/commands.md", commands_page().encode()


def led(text: str, source: str, place: str) -> bytes:
    """Return a page whose links between files of the repository lead to places of the site."""
    homes = {"README.md": "index.md"} | {name: home for home, name in TAKEN_IN.items()}

    def lead(match: re.Match[str]) -> str:
        target = (REPOSITORY / source).parent.joinpath(match[2]).resolve()
        if not target.is_relative_to(REPOSITORY):
            return match[0]
        name = target.relative_to(REPOSITORY).as_posix()
        home = homes.get(name, name.removeprefix("docs/")).replace(".ipynb", ".md")
        return match[1] + "../" * place.count("/") + home

    return LINK.sub(lead, text).encode()


def settings_page() -> str:
    """Return the page of all settings: one table for each group, from the fields themselves."""
    from propose_reduce.settings import Preset

    lines = [
        "# Settings",
        "",
        "Every setting of a preset. `--set a.b=value` on the command line and the same path in a",
        "preset file change it; `extends: NAME` takes the rest from a preset of the package.",
        "",
    ]
    return "\n".join([*lines, *_group("", Preset)])


def _group(path: str, settings: type[BaseModel]) -> list[str]:
    """Return the table of one group, then those of the groups inside it."""
    rows, inner = [], []
    for name, field in settings.model_fields.items():
        place = f"{path}{name}"
        nested = _nested(field.annotation)
        if nested is not None:
            several = "" if field.annotation is nested else ".NAME"
            inner += _group(f"{place}{several}.", nested)
        else:
            rows.append(f"| `{name}` | {_type(field)} | {_default(field)} | {_text(field)} |")
    if not rows:
        return inner
    head = [f"## {path.rstrip('.') or 'preset'}", "", (settings.__doc__ or "").split("\n")[0], ""]
    table = ["| setting | values | default | what it is |", "| --- | --- | --- | --- |", *rows, ""]
    return [*head, *table, *inner]


def _nested(annotation: Any) -> type[BaseModel] | None:
    """Return the group that a field holds, alone or by names."""
    for kind in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _type(field: FieldInfo) -> str:
    """Return what a field may be, with its bounds."""
    kind = field.annotation
    told = kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
    told = re.sub(r"\b(typing|pathlib|collections\.abc)\.", "", told)
    told = re.sub(r"Literal\[(.*?)\]", lambda found: found[1].replace("'", ""), told)
    bounds = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    limits = [
        f"{sign} {getattr(rule, name)}"
        for rule in field.metadata
        for name, sign in bounds.items()
        if getattr(rule, name, None) is not None
    ]
    return ", ".join(
        part.replace("|", "or") for part in [told.replace("NoneType", "None"), *limits]
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    return "" if value is PydanticUndefined else f"`{value}`".replace("|", "or")


def _text(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "or").replace("\n", " ")


def commands_page() -> str:
    """Return the page of all commands and their options, from the command line itself."""
    from propose_reduce.cli.main import app

    lines = ["# Commands", "", "What `--help` says, on one page.", ""]
    return "\n".join([*lines, *_command("propose-reduce", typer.main.get_command(app), 2)])


def _command(name: str, command: Any, level: int) -> list[str]:
    """Return the section of a command, then those of its own commands."""
    lines = ["#" * level + f" {name}", "", click.unstyle(command.help or "").strip(), ""]
    rows = []
    for parameter in command.params:
        names = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
        told = str(getattr(parameter, "help", None) or "").replace("|", "or").replace("\n", " ")
        rows.append(f"| {names if names else parameter.name} | {told} |")
    if rows:
        lines += ["| option | what it does |", "| --- | --- |", *rows, ""]
    for inner, child in getattr(command, "commands", {}).items():
        lines += _command(f"{name} {inner}", child, min(level + 1, 4))
    return lines


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "build" / "site")
