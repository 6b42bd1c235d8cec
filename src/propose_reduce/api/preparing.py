"""From names to a segmenter: what has to be loaded is found out, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import torch

from propose_reduce.api.components import by_role, choose
from propose_reduce.api.model import DEFAULT_MODEL, Model, choose_device, compile_model, load
from propose_reduce.api.options import Options
from propose_reduce.api.segmenter import Segmenter
from propose_reduce.components.registry import OWN
from propose_reduce.errors import InputError
from propose_reduce.protocols import Propagator, Proposer, Scorer


def prepare(
    model: Model | str | Path | None,
    options: Options,
    proposer: Proposer | str | None = None,
    propagator: Propagator | str | None = None,
    scorer: Scorer | str | None = None,
) -> Segmenter:
    """Return a segmenter; weights are loaded only where one of the components is the model's.

    Args:
        model: what ``load`` returned, or what it takes; None for the default.
        options: how to run it.
        proposer: a component of one's own, or its name; likewise the others.
        propagator: follows masks.
        scorer: names masks.

    Raises:
        InputError: a component or the model cannot be had, an option is faulty, weights are named
            that no component would use, or another device than the loaded model's.
    """
    if not isinstance(model, Model):
        inference = tuple(a for a in options.settings if a.strip().startswith("inference."))
        preset = options.model_copy(update={"settings": inference}).resolve()
        chosen = choose(by_role(proposer, propagator, scorer), preset)
        if OWN in chosen.values():
            model = load(model or DEFAULT_MODEL, device=options.device)
        elif model is not None:
            raise InputError(f"no component would use the weights '{model}': leave them out")
    elif options.device != "auto" and not _same(choose_device(options.device), model.device):
        raise InputError(
            f"the model was loaded on {model.device}: leave out device='{options.device}', or "
            "give it to load"
        )
    if options.compile and isinstance(model, Model):
        compile_model(model)
    return Segmenter(model, options, proposer, propagator, scorer)


def _same(requested: torch.device, present: torch.device) -> bool:
    """Return whether a device is what was requested; without a number any of its kind is."""
    return requested.type == present.type and requested.index in {None, present.index or 0}
