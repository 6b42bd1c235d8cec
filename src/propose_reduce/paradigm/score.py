"""Score: what class a sequence shows, the mean over the frames where it is seen (supplementary, 4).

Letters: N sequences, T frames, C foreground classes; column 0 of class scores is background.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from propose_reduce.errors import ContractError, InputError, check_kind
from propose_reduce.masks import present
from propose_reduce.paradigm.propose import select
from propose_reduce.protocols import Scorer
from propose_reduce.structures import Clip, Detections

MOST_NAMED = 8
"""Classes that a message names; of more it says how many there are."""


def score_frame(
    clip: Clip,
    scorer: Scorer,
    frame: int,
    masks: Tensor,
    origins: Detections,
    presence: Tensor | None = None,
) -> Tensor:
    """Return the class probabilities of one frame's masks: float32 (O, C + 1).

    A row is NaN where the mask is empty or the scorer has no opinion.

    The scorer says what a mask shows if it shows its object at all. With the probability p that it
    does, a class has p times the scorer's probability, and background what is left: an object
    that is not there is background.

    Args:
        clip: the video.
        scorer: asked once, and only about masks that are not empty.
        frame: 0-based frame index.
        masks: bool (O, H, W).
        origins: the O detections behind the masks.
        presence: float32 (O,), the probability that each mask shows its object; None counts as 1.

    Raises:
        ContractError: the scorer's answer has the wrong shape, or values outside [0, 1].
        InputError: the scorer knows other classes than the proposer.
    """
    probabilities = torch.full(origins.class_scores.shape, torch.nan)
    rows = present(masks).nonzero()[:, 0]
    if len(rows):
        answer = scorer.score(clip, frame, masks[rows], select(origins, rows))
        check_kind(answer, Tensor, f"frame {frame}: what the scorer gives")
        answer, expected = answer.float().cpu(), (len(rows), origins.class_scores.shape[1])
        if answer.ndim == 2 and len(answer) == len(rows) and answer.shape[1] != expected[1]:
            raise other_classes(answer.shape[1] - 1, expected[1] - 1)
        if tuple(answer.shape) != expected:
            raise ContractError(
                f"frame {frame}: the scorer must give {expected} probabilities, "
                f"got {tuple(answer.shape)}"
            )
        silent = answer.isnan().all(dim=1, keepdim=True)
        if not bool((silent | ((answer >= 0) & (answer <= 1))).all()):
            raise ContractError(
                f"frame {frame}: the scorer's probabilities must lie in [0, 1], or all of a row be "
                "NaN where it has no opinion"
            )
        probabilities[rows.cpu()] = answer
    if presence is None:
        return probabilities
    return torch.lerp(_background_scores(probabilities), probabilities, presence.cpu()[:, None])


def other_classes(scorer: Sequence[str] | int, proposer: Sequence[str] | int) -> InputError:
    """Return the error for a scorer and a proposer that do not know the same classes.

    Args:
        scorer: its classes, or how many they are.
        proposer: likewise.
    """
    return InputError(
        f"the scorer knows {_classes(scorer)} and the proposer {_classes(proposer)}, but they must "
        'know the same: let the proposer score, by scorer="key-frame" or "redetect" (--scorer '
        "key-frame)"
    )


def _classes(known: Sequence[str] | int) -> str:
    if isinstance(known, int) or len(known) > MOST_NAMED:
        return f"{known if isinstance(known, int) else len(known)} classes"
    return f"'{', '.join(known)}'"


def mean_scores(
    frame_scores: Tensor, absent: Tensor | None = None, *, absent_weight: float = 0.0
) -> Tensor:
    """Return the class scores of whole sequences: float32 (N, C + 1).

    Args:
        frame_scores: float32 (N, T, C + 1), NaN on frames where the sequence is absent or the
            scorer has no opinion.
        absent: bool (N, T), where a sequence has no mask.
        absent_weight: how much such a frame counts, as background, beside one with a score.

    Returns:
        The mean over the frames with a score; background 1 where there is none.
    """
    mean = frame_scores.double().nanmean(dim=1).float()
    mean = torch.where(mean.isnan(), _background_scores(mean), mean)
    if absent is None or absent_weight == 0:
        return mean
    known = (~frame_scores.isnan().any(dim=2)).sum(dim=1)
    missing = absent_weight * absent.sum(dim=1)
    share = known / (known + missing).clamp(min=1e-9)
    return torch.lerp(_background_scores(mean), mean, share[:, None].float())


def _background_scores(like: Tensor) -> Tensor:
    """Return rows that are nothing but background, of the same shape: float32 (N, C + 1)."""
    rows = torch.zeros_like(like)
    rows[:, 0] = 1.0
    return rows
