"""The data module: the micro-batches of a stage from any step on."""

from collections.abc import Iterator

import cv2
import lightning
import torch
from torch.utils.data import DataLoader, Sampler

from propose_reduce.errors import InputError
from propose_reduce.settings.training import StageSettings
from propose_reduce.training.batches import MicroBatch, MicroBatches
from propose_reduce.training.mixture import Mixture

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
