"""Refuse a tag that is not the version that every file states: python .ci/check_tag.py v0.2.0."""

import re
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def faults(tag: str, folder: Path = REPOSITORY) -> list[str]:
    """Return what stands between a tag and its release, a line each."""
    version = tag.removeprefix("v")
    text = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("C*.*")}
    found = []
    if tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"] != version:
        found.append(f"pyproject.toml is of another version than the tag {tag}")
    if f"\nversion: {version}\n" not in text["CITATION.cff"]:
        found.append(f"CITATION.cff does not say 'version: {version}'")
    if not re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", text["CHANGELOG.md"], re.M
    ):
        found.append(f"CHANGELOG.md has no section '## [{version}] - YEAR-MONTH-DAY'")
    return found


if __name__ == "__main__":
    sys.exit("\n".join(faults(sys.argv[1])) or None)
