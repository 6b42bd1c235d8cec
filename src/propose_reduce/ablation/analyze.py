"""An ablation of a model on a data set, from files to a report."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from propose_reduce.ablation.grid import parse_grid
from propose_reduce.ablation.report import AblationReport
from propose_reduce.ablation.run import Store, ablate, read_clips
from propose_reduce.api.model import Model, choose_precision
from propose_reduce.components.registry import Components
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent
from propose_reduce.errors import InputError
from propose_reduce.files import check_folder
from propose_reduce.settings import ComponentSettings, InferenceSettings
from propose_reduce.settings.options import Options
from propose_reduce.structures import Clip


def analyze_ablation(
    annotations: Path,
    images: Path,
    folder: Path,
    model: Model,
    grid: Sequence[str] = (),
    *,
    full: bool = False,
    videos: int | None = None,
    options: Options | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AblationReport:
    """Run a model on a data set with every variant of a grid, evaluate each, and save the report.

    Args:
        annotations: a YouTube-VIS annotation file.
        images: the folder that its ``file_names`` start from.
        folder: for the report and for what is finished, which another run need not do again.
        model: what is run.
        grid: factors as text (see ``parse_grid``); the paper's questions where there are none.
        full: every combination of the values instead of one factor at a time.
        videos: the first so many of the data set; all of them by default.
        options: its preset, precision and settings; the factors vary around these.
        progress: called with (videos done, videos in all), over all groups of variants.

    Raises:
        InputError: the data, an option or the grid has a fault, or the folder cannot be written.
    """
    check_folder(folder)
    options = options or Options()
    weights = model.weights
    base = options.resolve(weights.settings, weights.inference)
    if base.components != ComponentSettings():
        raise InputError(
            f"preset '{options.preset}' names other components, and an ablation is of the "
            "model's own: give one without, or none"
        )
    chosen = parse_grid(base.inference, grid, full=full)
    long_side, short_side = base.model.long_side, base.model.short_side
    data = read_clips(
        annotations, images, long_side=long_side, short_side=short_side, videos=videos
    )
    precision = choose_precision(options.precision, model.device)
    store = Store(
        folder,
        {
            "weights": {"name": model.name, "sha256": model.sha256},
            "data": {"videos": len(data.clips), "sha256": data.digest},
            "input": {"long_side": long_side, "short_side": short_side},
            "precision": str(precision).removeprefix("torch."),
            "device": str(model.device),
        },
    )

    @contextmanager
    def open_components(clip: Clip, settings: InferenceSettings) -> Iterator[Components]:
        own = SeqMaskRCNNComponent(weights.network, model.categories, settings, precision)
        with own.open(clip) as session:
            yield Components(session, session, session)

    measurements = ablate(chosen.variants(), data, open_components, store, progress=progress)
    report = AblationReport(chosen, measurements, store.source)
    report.save(folder)
    return report
