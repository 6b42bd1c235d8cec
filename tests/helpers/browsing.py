"""A headless Chromium for tests that look at pages."""

import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def browser():
    """Give a running Chromium; skip where it or playwright is missing."""
    playwright = pytest.importorskip("playwright.sync_api")
    options = ["--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    with playwright.sync_playwright() as api:
        program = CHROMIUM or api.chromium.executable_path  # playwright's own, where installed
        if not Path(program).exists():
            pytest.skip("needs chromium")
        chromium = api.chromium.launch(executable_path=program, args=options)
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def page(chromium, width=1400, height=900, home="file:"):
    """Give an empty page without errors in its console, that asks for nothing outside of home."""
    context = chromium.new_context(viewport={"width": width, "height": height})
    opened = context.new_page()
    faults = []
    opened.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    own = (home, "data:", "blob:")
    opened.on("request", lambda r: None if r.url.startswith(own) else faults.append(r.url))
    try:
        yield opened
        assert faults == []
    finally:
        context.close()
