"""``propose-reduce view``: results in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from propose_reduce.cli.terminal import say


def view(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="what predict wrote, or one video's folder in it")
    ],
    video: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="the video to play, where DIR is of one video"),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="open the page in the browser")
    ] = True,
    renew: Annotated[bool, typer.Option("--renew", help="write pages that are there anew")] = False,
) -> None:
    """Open the page of a result, or the list of all, and make the pages that are missing."""
    import webbrowser

    from propose_reduce.drawing.viewer import write_index, write_page
    from propose_reduce.drawing.viewer.write import PAGE
    from propose_reduce.errors import InputError
    from propose_reduce.results import VideoResult
    from propose_reduce.results.native import find_results
    from propose_reduce.video import open_video

    files = find_results(folder)
    if video is not None and len(files) > 1:
        raise InputError(
            f"'{folder}' holds {len(files)} videos: name the folder of one for --video"
        )
    results = {}
    for file in files:
        result, page = VideoResult.load(file), file.parent / PAGE
        results[file.parent.name] = result
        if renew or video is not None or not page.exists():
            source = None if video is None else open_video(video)
            if source is not None and len(source.frames) != result.num_frames:
                raise InputError(
                    f"'{video}' has {len(source.frames)} frames, the result {result.num_frames}: "
                    "give the video that was segmented"
                )
            write_page(page, result, source, video)
    page = files[0].parent / PAGE
    if len(files) > 1 or not (folder / files[0].name).is_file():
        listed = write_index(folder, results)
        if listed is None:
            raise InputError(f"'{folder / PAGE}' is not a page of ours: move it, or view one video")
        page = listed
    say(page)
    if open_browser:
        webbrowser.open(page.resolve().as_uri())
