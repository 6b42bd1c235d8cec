"""The data module: the micro-batches of a stage, mixed from its sources, from any step on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from propose_reduce.data.clips import Pair, PairSource, TrainingFrame, sample_generator
from propose_reduce.data.shapes.pairs import ShapesPairs
from propose_reduce.errors import InputError
from propose_reduce.models.rpn import DetectionTargets
from propose_reduce.models.seq_mask_rcnn import PropagationTargets, TrainingBatch
from propose_reduce.settings.training import StageSettings


@dataclass(frozen=True, slots=True)
class Sample:
    """Which pair of which source."""

    source: str
    index: int

    def __str__(self) -> str:
        return f"{self.source}[{self.index}]"


class Mixture:
    """The samples of a stage; sample ``number`` is a pure function of it and of the seed.

    Without weights an epoch shows every pair of every source once. With weights it is as long, but
    each source has its share of it; within a source no pair comes twice before all others have
    come once. Sources that render their pairs give new ones in every epoch.

    Args:
        sources: by name.
        weights: of each source, at least 0; None for all of them, or for none.
        seed: of the order.

    Raises:
        InputError: no source, or weights for some of them only or without one above 0.
    """

    def __init__(
        self, sources: Mapping[str, PairSource], weights: Mapping[str, float | None], seed: int
    ) -> None:
        self.sources, self.seed = dict(sources), seed
        self._counts = _counts(self.sources, {name: weights[name] for name in self.sources})
        self._epoch: tuple[int, list[Sample]] | None = None  # the last one, and its samples

    def __len__(self) -> int:
        """Return the number of samples of one epoch."""
        return sum(self._counts.values())

    def sample(self, number: int) -> Sample:
        """Return sample ``number``, 0-based, without end."""
        epoch, place = divmod(number, len(self))
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, self._shuffled(epoch))
        return self._epoch[1][place]

    def _shuffled(self, epoch: int) -> list[Sample]:
        generator = np.random.default_rng([self.seed, epoch])
        samples = []
        for name, source in self.sources.items():
            count = self._counts[name]
            if isinstance(source, ShapesPairs):
                indices = np.arange(epoch * count, (epoch + 1) * count)
            else:
                rounds = -(-count // len(source))
                orders = [generator.permutation(len(source)) for _ in range(rounds)]
                indices = np.concatenate(orders)[:count] if orders else np.zeros(0, dtype=int)
            samples += [Sample(name, index) for index in indices.tolist()]
        return [samples[place] for place in generator.permutation(len(samples)).tolist()]


def _counts(
    sources: Mapping[str, PairSource], weights: Mapping[str, float | None]
) -> dict[str, int]:
    """Return how many samples of each source an epoch holds."""
    if not sources:
        raise InputError("a stage needs at least one source of samples, got none")
    sizes = {name: len(source) for name, source in sources.items()}
    given = {name: weight for name, weight in weights.items() if weight is not None}
    if not given:
        return sizes
    total = sum(given.values())
    if len(given) < len(sizes) or total <= 0:
        raise InputError(
            f"weights must be given to all sources or to none, one of them above 0; got {weights}"
        )
    length = sum(sizes.values())
    return {name: round(length * weight / total) for name, weight in given.items()}


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


PREFETCH = 4  # micro-batches that a worker makes ahead


class StageData(lightning.LightningDataModule):
    """Micro-batches of a stage; a resumed run goes on with the one that would have come next.

    Args:
        mixture: the samples.
        stage: what a micro-batch is.
        seed: of the pairs.
        workers: processes that make samples; 0 for the run itself.
    """

    def __init__(self, mixture: Mixture, stage: StageSettings, *, seed: int, workers: int) -> None:
        super().__init__()
        self.mixture, self.stage, self.seed, self.workers = mixture, stage, seed, workers
        self.batch_size = stage.batch_size  # Lightning's batch size finder writes here

    def train_dataloader(self) -> DataLoader[MicroBatch]:
        """Return the micro-batches of this process from the trainer's step on."""
        if self.trainer is None:
            raise InputError("StageData gives batches to a trainer only")
        batches = MicroBatches(
            self.mixture,
            self.batch_size,
            self.seed,
            distance=self.stage.distance,
            true_masks=self.stage.true_masks,
            detect_on_reference=self.stage.detect_on_reference,
        )
        first = self.trainer.global_step * self.stage.accumulate
        return DataLoader(
            batches,
            batch_size=None,
            sampler=FromStep(first, self.trainer.global_rank, self.trainer.world_size),
            num_workers=self.workers,
            worker_init_fn=_single_threaded,
            prefetch_factor=PREFETCH if self.workers else None,
        )


class FromStep(Sampler[int]):
    """Numbers of the micro-batches of one process, without end.

    With W processes number ``k`` goes to process ``k % W``: what W processes see in one step is
    what a single one sees when it accumulates W micro-batches.

    Args:
        first: micro-batches that each process has had.
        rank: which process this is.
        processes: W.
    """

    def __init__(self, first: int, rank: int, processes: int) -> None:
        self.first, self.rank, self.processes = first, rank, processes

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers, rising."""
        number = self.first * self.processes + self.rank
        while True:
            yield number
            number += self.processes


def _single_threaded(worker: int) -> None:
    """Keep a worker to one core: the others train."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
