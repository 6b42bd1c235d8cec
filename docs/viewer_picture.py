"""Make the moving picture of the viewer: python docs/viewer_picture.py FOLDER [PICTURE].

FOLDER is the result of one video (``propose-reduce demo`` writes one). The page is opened in
Chromium, driven by playwright (``pip install '.[browser]'``), and photographed frame by frame;
then the first object is shown alone. PICTURE, an animated WebP, is docs/images/viewer.webp.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

PICTURE = Path(__file__).parent / "images" / "viewer.webp"
SIZE = {"width": 1120, "height": 640}
EVERY = 2  # frames of the video between two pictures
SECONDS = 0.25  # that a picture stays


def photographs(page: Page) -> list[Image.Image]:
    """Return pictures of the page: all objects through the video, then one through the half."""
    frames = int(page.locator("#seek").get_attribute("max") or 0) + 1
    taken = []

    def take(first: int, last: int) -> None:
        for frame in range(first, last, EVERY):
            page.evaluate("frame => goTo(frame)", frame)
            page.wait_for_function("frame => state.frame === frame", arg=frame)
            taken.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))

    take(0, frames)
    page.get_by_role("button", name="solo").first.click()
    take(0, frames // 2)
    return taken


def main(folder: Path, picture: Path) -> None:
    """Photograph the page of a result."""
    with sync_playwright() as api:
        program = shutil.which("chromium") or api.chromium.executable_path
        chromium = api.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = chromium.new_page(viewport=SIZE)
        page.goto((folder / "index.html").resolve().as_uri())
        page.get_by_role("button", name="solo").first.wait_for()
        first, *others = photographs(page)
        chromium.close()
    milliseconds = round(1000 * SECONDS)
    first.save(
        picture,
        save_all=True,
        append_images=others,
        duration=milliseconds,
        loop=0,
        quality=45,
        method=6,
    )
    print(f"{picture}: {1 + len(others)} pictures, {picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else PICTURE)
