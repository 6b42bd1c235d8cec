"""Which paradigm finds the sequences: the paper's, or the baseline it is measured against."""

from __future__ import annotations

from propose_reduce.errors import InputError
from propose_reduce.paradigm.pipeline import Progress, propose_sequences
from propose_reduce.paradigm.proposals import Proposals
from propose_reduce.paradigm.track_by_detect import track_by_detect
from propose_reduce.protocols import Propagator, Proposer, Scorer
from propose_reduce.settings import InferenceSettings
from propose_reduce.structures import Clip


def doors_needed(settings: InferenceSettings) -> tuple[str, ...]:
    """Return the names of the parts that the paradigm asks."""
    if settings.paradigm == "track-by-detect":
        return ("proposer",)
    return ("proposer", "propagator", "scorer")


def find_sequences(
    clip: Clip,
    proposer: Proposer,
    propagator: Propagator | None,
    scorer: Scorer | None,
    settings: InferenceSettings,
    *,
    progress: Progress | None = None,
) -> Proposals:
    """Return the scored sequences of a clip before they are reduced, by the paradigm set.

    Args:
        clip: the video.
        proposer: finds objects.
        propagator: None where the paradigm needs none; likewise the scorer.
        scorer: names what the propagated masks show.
        settings: say which paradigm, and how its stages run.
        progress: told about each step.

    Raises:
        InputError: a part is missing, or breaks its contract.
    """
    if settings.paradigm == "track-by-detect":
        return track_by_detect(clip, proposer, settings, progress=progress)
    if propagator is None or scorer is None:
        missing = "propagator" if propagator is None else "scorer"
        raise InputError(f"the paradigm '{settings.paradigm}' needs a {missing}")
    return propose_sequences(clip, proposer, propagator, scorer, settings, progress=progress)
