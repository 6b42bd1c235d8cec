"""Propagate: every proposal of every key frame through the whole video, by whichever propagator."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from inspect import Parameter, signature

import torch

from propose_reduce.errors import ContractError, check_kind
from propose_reduce.protocols import Corrector, Propagator
from propose_reduce.structures import Clip, FrameMasks, Seed


def propagate(
    clip: Clip,
    propagator: Propagator,
    seeds: Sequence[Seed],
    *,
    corrector: Corrector | None = None,
) -> Iterator[FrameMasks]:
    """Yield what the propagator yields, and hold it to its word.

    A propagator that takes no corrector runs without one, and a Python warning says so.

    Raises:
        ContractError: a pair of seed and frame that does not exist, comes twice or never comes, or
            masks that are not one per object on the clip's working size.
    """
    if not seeds:
        return
    num_frames = len(clip.frames)
    seen = torch.zeros(len(seeds), num_frames, dtype=torch.bool)
    answers = _masks(clip, propagator, seeds, corrector)
    check_kind(answers, Iterable, "what the propagator gives")
    for found in answers:
        check_kind(found, FrameMasks, "what the propagator yields")
        place = f"the propagator's masks for seed {found.seed}, frame {found.frame}"
        if not (0 <= found.seed < len(seeds) and 0 <= found.frame < num_frames):
            raise ContractError(
                f"{place}: there are only {len(seeds)} seeds and {num_frames} frames, from 0"
            )
        if seen[found.seed, found.frame]:
            raise ContractError(f"{place} came twice: each pair must come once")
        expected = (len(seeds[found.seed].masks), *clip.working_size)
        if tuple(found.masks.shape) != expected:
            raise ContractError(f"{place} must be {expected}, got {tuple(found.masks.shape)}")
        seen[found.seed, found.frame] = True
        yield found
    missing = (~seen).nonzero().tolist()
    if missing:
        seed, frame = missing[0]
        raise ContractError(
            f"the propagator gave no masks for seed {seed}, frame {frame} (and {len(missing) - 1} "
            "other pairs): it must yield every frame of every seed, the key frame included"
        )


def _masks(
    clip: Clip, propagator: Propagator, seeds: Sequence[Seed], corrector: Corrector | None
) -> Iterator[FrameMasks]:
    """Yield what the propagator yields, given the corrector if it takes one."""
    if corrector is None:
        return propagator.propagate(clip, seeds)
    parameters = signature(propagator.propagate).parameters.values()
    if any(p.name == "corrector" or p.kind is Parameter.VAR_KEYWORD for p in parameters):
        return propagator.propagate(clip, seeds, corrector=corrector)
    warnings.warn(
        f"{type(propagator).__name__} takes no corrector: its masks are not corrected on the way, "
        "neither by detections (inference.propagate.correct) nor by masks given on later frames",
        stacklevel=2,
    )
    return propagator.propagate(clip, seeds)
