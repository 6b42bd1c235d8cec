"""What a run starts from: weights, the model that comes with them, and data that must be there."""

from pathlib import Path

from propose_reduce.errors import InputError
from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN
from propose_reduce.models.weights import check_fit, load_weights
from propose_reduce.settings import ModelSettings, Preset

OF_CATEGORIES = ("detector.box_head.predictor.", "detector.mask_head.predictor.mask_fcn_logits.")
"""Tensors with a row for each category: they start anew where the categories are others."""

CONVENTIONS = (
    "anchor_offset",
    "anchor_rounding",
    "boxes_outside",
    "roi_aligned",
    "roi_minimum_cell",
    "roi_samples",
    "batch_norm_eps",
    "stride_in",
    "pixel_mean",
    "pixel_std",
)
"""Model settings that belong to weights, whatever a preset says."""

OF_PAPER = "resnext101_"
"""Backbones of which the libraries publish other kinds than the authors."""


def with_init(preset: Preset, path: Path) -> Preset:
    """Return a preset that starts from a weights file, with the conventions of these weights.

    The whole model and how it is run are the file's where the preset says so.

    Raises:
        InputError: the file cannot be read.
    """
    loaded = load_weights(path)
    training = preset.training.model_copy(update={"init": str(path)})
    if training.model_from_init:
        update = {"model": loaded.settings, "inference": loaded.inference}
        return preset.model_copy(update={**update, "training": training})
    changed = {name: getattr(loaded.settings, name) for name in CONVENTIONS}
    both = (preset.model.backbone, loaded.settings.backbone)
    if all(name.startswith(OF_PAPER) for name in both):
        changed["backbone"] = loaded.settings.backbone
    model = preset.model.model_copy(update=changed)
    return preset.model_copy(update={"model": model, "training": training})


def start_from(network: SeqMaskRCNN, model: ModelSettings, path: Path) -> list[str]:
    """Fill a network from a weights file; with other categories all but the rows of theirs.

    Returns:
        What was loaded, what starts anew, and where the network reads the weights in another way
        than they were trained with.

    Raises:
        InputError: the file cannot be read, or holds another network.
    """
    loaded, own = load_weights(path), network.state_dict()
    given = loaded.network.state_dict()
    kept = {}
    if loaded.settings.categories != model.categories:
        kept = {name: value for name, value in own.items() if name.startswith(OF_CATEGORIES)}
    check_fit({**given, **kept}, own, f"weights file '{path}'")
    network.load_state_dict({**given, **kept})
    said = f"from '{path.name}': {len(own) - len(kept)} of {len(own)} tensors"
    if kept:
        said += "; the rows of the categories, which are others there, start anew"
    if random := loaded.card.get("initialised"):
        said += f"; random in that file: {'; '.join(map(str, random))}"
    others = [n for n in CONVENTIONS if getattr(model, n) != getattr(loaded.settings, n)]
    warnings = [
        f"warning: these weights were trained with model.{name}="
        f"{getattr(loaded.settings, name)}, and this run has {getattr(model, name)}"
        for name in others
    ]
    return [said, *warnings]


def check_start(preset: Preset) -> None:
    """Make sure that there is something to start from and to learn from.

    Raises:
        InputError: parts that do not train would stay random, or data is not there; all is named.
    """
    wanted = [text for text in (_missing_init(preset), _missing_data(preset)) if text]
    if wanted:
        raise InputError("; ".join(wanted))


def _missing_init(preset: Preset) -> str:
    model = preset.model
    if preset.training.init is not None:
        return ""
    if preset.training.model_from_init:
        return "this preset takes its model from --init, which is not given"
    frozen = {
        "model.frozen_stages=0": model.frozen_stages > 0,
        "model.freeze_batch_norm=false": model.freeze_batch_norm,
        "model.freeze_depthwise=false": model.freeze_depthwise,
    }
    switches = " ".join(f"--set {name}" for name, on in frozen.items() if on)
    if not switches:
        return ""
    return (
        "without --init what is frozen would stay random: give a weights file ('convert' makes one "
        f"of COCO or ImageNet weights), or train all with {switches}"
    )


def _missing_data(preset: Preset) -> str:
    """Return which files and folders of the sources are not there, and the setting of each."""
    training = preset.training
    if not training.sources:
        return "there is nothing to learn from: give --data"
    names = {name for stage in training.stages.values() for name in stage.sources}
    all_of = any(not stage.sources for stage in training.stages.values())
    missing = []
    for name, source in training.sources.items():
        if not all_of and name not in names:
            continue
        for field in ("annotations", "images"):
            path = getattr(source, field)
            if path is not None and not Path(path).expanduser().exists():
                missing.append(f"'{path}' (training.sources.{name}.{field})")
    if not missing:
        return ""
    return f"not there: {', '.join(missing)}; set them with --set NAME=PATH, or give --data"
