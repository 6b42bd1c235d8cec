"""From pairs of frames to what the network takes.

Every micro-batch (one device, one backward pass) has a number, counted over the whole stage, and
is a pure function of it and of the seed. That is what makes a resumed run equal to one that was
never stopped, and two processes equal to one that accumulates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from propose_reduce.data.clips import Pair, sample_generator
from propose_reduce.data.transforms import TrainingFrame
from propose_reduce.models.rpn import DetectionTargets
from propose_reduce.models.seq_mask_rcnn import PropagationTargets, TrainingBatch
from propose_reduce.training.mixture import Mixture


@dataclass(frozen=True, slots=True, eq=False)
class MicroBatch:
    """What one backward pass sees.

    Attributes:
        number: 0-based, over the stage and all devices.
        samples: what each pair is, for messages.
        pairs: the pairs themselves.
    """

    number: int
    samples: tuple[str, ...]
    pairs: TrainingBatch


class MicroBatches(Dataset[MicroBatch]):
    """Micro-batch ``number`` of a stage.

    Args:
        mixture: where the samples come from.
        size: pairs in one micro-batch.
        seed: of the pairs.
        distance: most frames between reference and query; None: any.
        true_masks: share of samples whose memory gets the true masks.
        detect_on_reference: detection learns from both frames.
    """

    def __init__(
        self,
        mixture: Mixture,
        size: int,
        seed: int,
        *,
        distance: int | None = None,
        true_masks: float = 0.0,
        detect_on_reference: bool = False,
    ) -> None:
        self.mixture, self.size, self.seed = mixture, size, seed
        self.distance, self.true_masks = distance, true_masks
        self.detect_on_reference = detect_on_reference

    def __getitem__(self, number: int) -> MicroBatch:
        """Return micro-batch ``number``, 0-based, without end."""
        samples, pairs, given = [], [], []
        for place in range(number * self.size, (number + 1) * self.size):
            sample = self.mixture.sample(place)
            generator = sample_generator(self.seed, place)
            source = self.mixture.sources[sample.source]
            pairs.append(source.pair(sample.index, generator, distance=self.distance))
            given.append(bool(generator.random() < self.true_masks))
            samples.append(str(sample))
        batch = collate(pairs, given, detect_on_reference=self.detect_on_reference)
        return MicroBatch(number, tuple(samples), batch)


def collate(
    pairs: Sequence[Pair], true_masks: Sequence[bool], *, detect_on_reference: bool = False
) -> TrainingBatch:
    """Return pairs as the network takes them.

    Args:
        pairs: B of them.
        true_masks: for each, whether the memory gets the true masks of the reference.
        detect_on_reference: detection learns from both frames.
    """
    return TrainingBatch(
        references=[pair.reference.image for pair in pairs],
        queries=[pair.query.image for pair in pairs],
        detection=[_detection(pair.query) for pair in pairs],
        reference_detection=(
            [_detection(pair.reference) for pair in pairs] if detect_on_reference else ()
        ),
        propagation=[
            PropagationTargets(
                reference_boxes=pair.reference.boxes[pair.reference_rows],
                labels=pair.reference.labels[pair.reference_rows],
                query_masks=_masks_of_rows(pair.query, pair.query_rows),
                reference_masks=pair.reference.masks[pair.reference_rows] if given else None,
            )
            for pair, given in zip(pairs, true_masks, strict=True)
        ],
    )


def _masks_of_rows(frame: TrainingFrame, rows: Tensor) -> Tensor:
    """Return the masks of some rows, bool (O, H, W), empty where the row is -1."""
    empty = frame.masks.new_zeros((1, *frame.image.shape[-2:]))
    return torch.cat([frame.masks, empty])[rows]


def _detection(frame: TrainingFrame) -> DetectionTargets:
    return DetectionTargets(frame.boxes, frame.labels, frame.masks, frame.crowds)


def to_device(batch: MicroBatch, device: torch.device) -> MicroBatch:
    """Return the micro-batch with its tensors on a device."""
    pairs = batch.pairs
    moved = TrainingBatch(
        references=[image.to(device) for image in pairs.references],
        queries=[image.to(device) for image in pairs.queries],
        detection=[_moved(target, device) for target in pairs.detection],
        propagation=[_moved(target, device) for target in pairs.propagation],
        reference_detection=[_moved(target, device) for target in pairs.reference_detection],
    )
    return replace(batch, pairs=moved)


def _moved(target: Any, device: torch.device) -> Any:
    """Return a dataclass of tensors on a device."""
    values = {name: getattr(target, name) for name in target.__dataclass_fields__}
    moved = {name: value.to(device) for name, value in values.items() if isinstance(value, Tensor)}
    return replace(target, **moved)
