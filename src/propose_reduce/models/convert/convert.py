"""Foreign checkpoints to our weights file: each of their tensors is used, or dropped for a reason.

``checkpoint.py`` reads them, ``keys.py``, ``detectors.py`` and ``categories.py`` know their names,
``match.py`` moves their values.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from propose_reduce.errors import InputError
from propose_reduce.models.backbone import Backbone
from propose_reduce.models.build import build
from propose_reduce.models.checkpoint import Checkpoint, read_checkpoint
from propose_reduce.models.convert.conversion import Conversion, TensorReport
from propose_reduce.models.convert.detectors import SOURCES, Style, recognise
from propose_reduce.models.convert.keys import CLASSIFIER, Source
from propose_reduce.models.convert.match import MisfitError, fill_state, match_tensors
from propose_reduce.models.weights import save_weights
from propose_reduce.settings import ModelSettings, Preset, load_preset, preset_names

SEED = 0  # of what is initialised: the same checkpoint gives the same file


def convert(
    checkpoint: Path,
    output: Path,
    preset: str | Path | None = None,
    *,
    style: Style | None = None,
) -> Conversion:
    """Turn a foreign checkpoint into a weights file of ours.

    Known are the authors' released models, Mask R-CNN of torchvision, MMDetection and Detectron2
    (COCO) and ImageNet classifiers of torchvision and timm, each as ``.pth``, ``.pt``, ``.pkl`` or
    ``.safetensors``. What a source does not have is initialised, the same way each time. Settings
    that belong to the weights, such as where anchors lie, replace the preset's.

    Args:
        checkpoint: the foreign file; nothing in it is ever run.
        output: the ``.safetensors`` file to write.
        preset: name or file of the preset the model is for; None keeps the checkpoint's own
            categories, which is possible for detectors only.
        style: how the backbone of MMDetection's was trained; None: as the file says.

    Raises:
        InputError: the file cannot be read or is of no known kind; a tensor is missing, unknown,
            of the wrong shape, NaN or infinite; a style is given of another kind of file.
    """
    checkpoint, output = Path(checkpoint), Path(output)
    if output.suffix != ".safetensors" or output.resolve() == checkpoint.resolve():
        raise InputError(f"output '{output}' must be another file and end in .safetensors")
    content = read_checkpoint(checkpoint)
    source = recognise(content, style)
    target = _target(content, source, preset)
    source = _with_categories(source, target.model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network = build(target.model)
    state = network.state_dict()
    try:
        match = match_tensors(content.tensors, state, source)
    except MisfitError as misfit:
        goal = "its own settings" if preset is None else f"preset '{preset}'"
        raise InputError(
            f"checkpoint '{checkpoint}', taken for {source.title}, does not fit {goal}: {misfit}; "
            f"{_advice(content, source)}"
        ) from misfit
    reports = fill_state(state, content.tensors, match, source, target.model.categories)
    card = _card(checkpoint, source, reports)
    save_weights(output, network, target.model, target.inference, card)
    return Conversion(source.title, target.model, tuple(reports), source.licence, source.note)


def fitting_presets(content: Checkpoint, source: Source) -> list[str]:
    """Return the names of the presets that a checkpoint fits, by names, shapes and classes."""
    fitting = {}  # one name for each model, the last in the alphabet: not the authors' schedules
    for name in preset_names():
        preset = load_preset(name)
        if not preset.components.use_model or preset.training.model_from_init:
            continue
        try:
            model = _as_in_weights(preset.model, source)
            match_tensors(content.tensors, _shapes(model), _with_categories(source, model))
        except MisfitError:
            continue
        if _known_categories(content) in (None, preset.model.categories):
            fitting[preset.model] = name
    return sorted(fitting.values())


@cache
def _shapes(model: ModelSettings) -> dict[str, Tensor]:
    """Return the state dict of a network, shapes without numbers."""
    with torch.device("meta"):
        return build(model).state_dict()


def _with_categories(source: Source, model: ModelSettings) -> Source:
    """Return a source whose classes are the model's where they must be told and are unknown."""
    if source.background_last and source.categories is None:
        return replace(source, categories=model.categories)
    return source


def _as_in_weights(model: ModelSettings, source: Source) -> ModelSettings:
    """Return a preset's model with the settings that go with the weights."""
    fixed = dict(source.settings)
    ours, theirs = model.backbone, source.backbone or ""
    if all(name.startswith("resnext101_") for name in (ours, theirs)):
        fixed["backbone"] = theirs  # the libraries publish other kinds than the authors
    return ModelSettings.model_validate({**model.model_dump(), **fixed})


def _advice(content: Checkpoint, source: Source) -> str:
    fitting = fitting_presets(content, source)
    known = ", ".join(source.title for source in SOURCES)
    return f"it would fit {' or '.join(fitting)}" if fitting else f"no preset fits; known: {known}"


def _known_categories(content: Checkpoint) -> tuple[str, ...] | None:
    """Return the checkpoint's classes where they are those of a preset; shapes cannot tell."""
    if content.categories is None:
        return None
    known = {load_preset(name).model.categories for name in preset_names()}
    return content.categories if content.categories in known else None


def _target(content: Checkpoint, source: Source, name: str | Path | None) -> Preset:
    """Return the preset with the settings that go with the weights."""
    if name is None:
        if source.alone is None or source.categories is None:
            raise InputError(f"{source.title} needs a preset; {_advice(content, source)}")
        own = {**source.alone, "categories": source.categories}
        preset = Preset(model=ModelSettings.model_validate(own))
    else:
        preset = load_preset(name)
    known = _known_categories(content)
    if source.categories is None and known not in (None, preset.model.categories):
        raise InputError(
            f"the checkpoint's classes are not those of preset '{name}'; {_advice(content, source)}"
        )
    model = _as_in_weights(preset.model, source)
    if source is CLASSIFIER:
        model = model.model_copy(update={"batch_norm_eps": _own_epsilon(model)})
    return preset.model_copy(update={"model": model})


def _own_epsilon(model: ModelSettings) -> float:
    """Return the batch-norm epsilon that a timm model was trained with."""
    with torch.device("meta"):
        modules = list(Backbone(model.backbone).modules())
    own = (module.eps for module in modules if isinstance(module, nn.BatchNorm2d))
    return next(own, model.batch_norm_eps)


def _card(checkpoint: Path, source: Source, reports: list[TensorReport]) -> Mapping[str, Any]:
    """Return what the file says about where its weights come from."""
    initialised = {report.reason for report in reports if report.outcome == "initialised"}
    return {
        "source": source.title,
        "checkpoint": checkpoint.name,
        "initialised": sorted(initialised),
        "licence": source.licence,
    }
