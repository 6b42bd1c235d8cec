"""Seq Mask R-CNN behind the three protocols: one session, shared features.

Propagation makes two sweeps, forward and backward. On each frame every seed that has reached it
is served: the frame's features, its query encoding and the decoder's object-independent branches
are computed once. A bounded store keeps them for the way back (frame_store.py), so memory does
not grow with the video.

Letters in this file: O objects of one seed, C foreground classes, H and W working pixels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace

import cv2
import torch
from torch import Tensor
from torch.nn import functional

from propose_reduce.components.computing import computing, return_large_blocks, step_bytes
from propose_reduce.components.frame_store import FrameStore, FrameWork, ReadAhead
from propose_reduce.components.sweeps import Step, sweeps, without_masks
from propose_reduce.errors import InputError
from propose_reduce.masks import present, scoring_boxes
from propose_reduce.models.backbone import Features
from propose_reduce.models.memory import MemoryBank, thinned_step
from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN
from propose_reduce.models.seq_prop_head import FrameBranches, KeyValue, soft_aggregate
from propose_reduce.protocols import Corrector
from propose_reduce.settings import InferenceSettings, PropagateSettings
from propose_reduce.stages import DECODE, DETECTION, PROPAGATION, SCORING, stage
from propose_reduce.structures import Clip, Detections, FrameMasks, Seed, frame_of

MEGABYTE = 2**20


def working_image(clip: Clip, frame: int) -> Tensor:
    """Return a frame at the size that the clip shows it in: uint8 RGB (1, 3, H, W), bilinear."""
    height, width = clip.shown_size
    with stage(DECODE):
        image = frame_of(clip, frame)
    if image.shape[:2] != clip.shown_size:
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(image).permute(2, 0, 1)[None]


@dataclass(frozen=True)
class SeqMaskRCNNComponent:
    """The network with how it is run; ``open`` a session on a clip to use it.

    Attributes:
        network: in evaluation mode, on its device.
        categories: foreground classes, in the order of the class score columns.
        settings: thresholds and memory schedule.
        precision: float32, or bfloat16 for autocast; detection on key frames and what else is
            sensitive stay in float32.
        read_image: how a frame becomes RGB (1, 3, H, W), 0-255.
        warn: called with what the user should know.
    """

    network: SeqMaskRCNN
    categories: tuple[str, ...]
    settings: InferenceSettings = field(default_factory=InferenceSettings)
    precision: torch.dtype = torch.float32
    read_image: Callable[[Clip, int], Tensor] = working_image
    warn: Callable[[str], None] = warnings.warn

    @contextmanager
    def open(self, clip: Clip) -> Iterator[Session]:
        """Give a session that fits all three protocols; its features are freed on exit."""
        return_large_blocks()
        session = Session(self, clip)
        try:
            yield session
        finally:
            session.close()


class Session:
    """Proposer, Propagator and Scorer on one clip, with the features of a few frames in common."""

    reads_more = True

    def __init__(self, component: SeqMaskRCNNComponent, clip: Clip) -> None:
        self.component, self.clip = component, clip
        self.categories = component.categories
        self._network = component.network
        self._device = component.network.pixel_mean.device
        self._frames = FrameStore(component.settings.propagate.cache_mb * MEGABYTE)
        self._images = ReadAhead(lambda frame: component.read_image(clip, frame))
        self._told = False

    def close(self) -> None:
        """Free what the session holds."""
        self._frames.clear()
        self._images.close()

    @stage(DETECTION)
    def propose(self, clip: Clip, frame: int) -> Detections:
        """Detect objects: masks at the working size, in the order that the settings ask for.

        In float32 whatever the precision: what is found decides which sequences there are, and a
        score that rounding lifts over a threshold makes another result. Key frames are few.
        """
        self._check(clip)
        wanted = self.component.settings.propose
        with computing(self._device, torch.float32):
            index, shared = clip.start + frame, self.component.precision == torch.float32
            work = self._frames.find(index) if shared else None
            if work is None:
                work = FrameWork(self._network.features(self._image(index)))
                if shared:  # those of a lower precision are kept apart
                    self._frames.add(index, work)
            pyramid = work.features.pyramid
            found = self._network.detector.detect(
                pyramid,
                clip.shown_size,
                min_score=wanted.min_score,
                nms=wanted.box_nms,
                max_objects=wanted.max_objects,
                by_class=wanted.order == "class",
            )
            soft = self._network.detector.masks(pyramid, found.boxes, found.labels, clip.shown_size)
        height, width = clip.working_size
        padding = (0, width - soft.shape[2], 0, height - soft.shape[1])
        return Detections(functional.pad(soft > 0.5, padding), found.class_scores)

    @stage(SCORING)
    def score(self, clip: Clip, frame: int, masks: Tensor, origins: Detections) -> Tensor:
        """Classify the box around each mask, grown by 1 px."""
        self._check(clip)
        boxes = scoring_boxes(masks).to(self._device)
        with self._computing():
            return self._network.detector.classify(
                self._frame(clip.start + frame).features.pyramid, [boxes]
            )

    def propagate(
        self, clip: Clip, seeds: Sequence[Seed], *, corrector: Corrector | None = None
    ) -> Iterator[FrameMasks]:
        """Sweep forward from the first key frame, then backward from the last.

        Corrected masks enter the memory: on frames that are memorised anyway, and those of the
        last corrected frame in between.
        """
        self._check(clip)
        self._tell_thinned(clip, seeds)
        yield from without_masks(seeds, len(clip.frames))
        tracks = [_MemoryTrack(index, seed) for index, seed in enumerate(seeds)]
        forward, backward = sweeps(seeds, len(clip.frames))
        for step in forward:
            yield from self._segment(clip, step, tracks, corrector)
        for track in tracks:
            if len(track.seed.masks):
                track.restart(self)
        for step in backward:
            yield from self._segment(clip, step, tracks, corrector)

    @stage(PROPAGATION)
    def _segment(
        self,
        clip: Clip,
        step: Step,
        all_tracks: Sequence[_MemoryTrack],
        corrector: Corrector | None,
    ) -> list[FrameMasks]:
        """Segment one frame for every seed that has reached it, and memorise where it is due.

        Args:
            clip: the clip or a window of it, whose frames are counted here.
            step: the frame to segment, and who has reached it.
            all_tracks: of all seeds.
            corrector: asked about all but key frames; none for None.
        """
        results = []
        frame, next_frame = step.frame, step.next_frame
        tracks = [all_tracks[index] for index in step.seeds]
        with self._computing():
            work = self._frame(
                clip.start + frame, None if next_frame is None else clip.start + next_frame
            )
            for track in tracks:
                if track.seed.frame == frame:
                    track.start(self, clip, work.features)
            head = self._network.prop_head
            query, branches = work.query(head), work.branches(head)
            limit = self.component.settings.propagate.batch_objects or max(
                1, step_bytes(self._device) // head.decode_bytes(query)
            )
            for track, soft in zip(
                tracks, self._decode(tracks, query, branches, limit), strict=True
            ):
                found = self._result(frame, track, soft)
                if corrector is None or frame == track.seed.frame:
                    self._memorise(frame, track, work.features, soft)
                else:
                    masks = corrector.correct(frame, track.index, found.masks)
                    self._memorise_corrected(frame, track, work.features, soft, found.masks, masks)
                    found = replace(found, masks=masks)
                results.append(found)
        return results

    def _tell_thinned(self, clip: Clip, seeds: Sequence[Seed]) -> None:
        """Warn once where the memory holds less than the schedule that was asked for."""
        schedule = self.component.settings.propagate
        every, limit = schedule.memory_step(len(self.clip.frames)), schedule.memory_frames
        usual = PropagateSettings().memory_every
        farthest = max((max(s.frame, len(clip.frames) - 1 - s.frame) for s in seeds), default=0)
        step = thinned_step(every, limit, farthest)
        if step == every or schedule.memory_every == usual or self._told:
            return
        self._told = True
        self.component.warn(
            f"inference.propagate.memory_every={schedule.memory_every} is thinned to every "
            f"{step}th frame on {len(clip.frames)} frames, because the memory holds {limit}: set "
            "inference.propagate.memory_frames=null to hold them all"
        )

    def _decode(
        self, tracks: Sequence[_MemoryTrack], query: KeyValue, branches: FrameBranches, limit: int
    ) -> list[Tensor]:
        """Return each seed's soft masks on the padded canvas, aggregated within the seed."""
        sizes = [len(track.seed.masks) for track in tracks]
        decoded = []
        for step in _steps(sizes, limit):
            read = [memory for row, objects in step for memory in tracks[row].read(objects)]
            keys, values = [memory.key for memory in read], [memory.value for memory in read]
            decoded.append(self._network.prop_head.decode(keys, values, query, branches))
        separate = torch.cat(decoded)
        return [soft_aggregate(own)[1:] for own in separate.split(sizes)]

    def _result(self, frame: int, track: _MemoryTrack, soft: Tensor) -> FrameMasks:
        height, width = self.clip.working_size
        masks = soft[:, :height, :width] >= 0.5
        seen = track.seed.key_frames.get(frame)
        if seen is not None and not self.component.settings.propagate.self_propagation:
            seen = seen.to(masks.device)
            masks = torch.where(present(seen)[:, None, None], seen, masks)
        return FrameMasks(track.index, frame, masks)

    def _memorise(self, frame: int, track: _MemoryTrack, features: Features, soft: Tensor) -> None:
        if wanting := track.wanting(self, frame):
            encoding = self._network.prop_head.memorize(features.p2, soft)
            for memory in wanting:
                memory.add(frame, encoding)

    def _memorise_corrected(
        self,
        frame: int,
        track: _MemoryTrack,
        features: Features,
        soft: Tensor,
        found: Tensor,
        corrected: Tensor,
    ) -> None:
        """Memorise a frame with the masks that were put right in place of those found.

        Args:
            frame: 0-based.
            track: the seed.
            features: of the frame.
            soft: float (O, H, W) on the padded canvas, as decoded.
            found: bool (O, H, W) on the working size, the same thresholded.
            corrected: likewise, what is to be carried on.
        """
        rows = (corrected != found).flatten(1).any(dim=1)
        if not bool(rows.any()):
            self._memorise(frame, track, features, soft)
            return
        height, width = corrected.shape[1:]
        soft = soft.clone()
        soft[rows] = 0.0
        soft[rows, :height, :width] = corrected[rows].to(soft)
        encoding = self._network.prop_head.memorize(features.p2, soft)
        wanting = track.wanting(self, frame)
        for memory in track.memories:
            if memory in wanting:
                memory.add(frame, encoding)
            elif bool(rows[memory.rows].any()):
                memory.bank.renew(_rows_of(encoding, memory.rows))

    def _frame(self, frame: int, next_frame: int | None = None) -> FrameWork:
        """Return what depends on a frame alone, computed unless it is in the store.

        Args:
            frame: of the session's clip, which windows of it share.
            next_frame: to be read meanwhile.
        """
        work = self._frames.find(frame)
        if work is None:
            ahead = None if next_frame in self._frames else next_frame
            work = FrameWork(self._network.features(self._image(frame, ahead)))
            self._frames.add(frame, work)
        return work

    def features(self, clip: Clip, frame: int) -> Features:
        """Return the features of a frame of a clip or a window of it."""
        return self._frame(clip.start + frame).features

    def _image(self, frame: int, next_frame: int | None = None) -> Tensor:
        return self._images.get(frame, next_frame).to(self._device)

    def _computing(self) -> AbstractContextManager[None]:
        return computing(self._device, self.component.precision)

    def _check(self, clip: Clip) -> None:
        if self.clip not in (clip, clip.whole):
            raise InputError("this session was opened on another clip: open one for each clip")


@dataclass(eq=False)
class _Memory:
    """The memory of objects that have their key frames in common.

    Attributes:
        rows: the objects, in their seed.
        key_frames: those they have.
        bank: what is remembered.
        since: the key frame that was passed last on the way.
    """

    rows: slice
    key_frames: frozenset[int]
    bank: MemoryBank
    since: int

    def add(self, frame: int, encoding: KeyValue) -> None:
        """Memorise a frame, encoded for all objects of the seed."""
        self.bank.add(abs(frame - self.since), _rows_of(encoding, self.rows))


class _MemoryTrack:
    """A seed on its way through the clip, with its memory.

    Objects with one key frame in common share one memory; those with several have one each.
    """

    memories: list[_Memory]

    def __init__(self, index: int, seed: Seed) -> None:
        self.index, self.seed = index, seed
        self._encoded: dict[int, KeyValue] = {}

    def start(self, session: Session, clip: Clip, features: Features) -> None:
        """Memorise the detected masks on the key frames, whose first one has these features."""
        head = session.component.network.prop_head
        for frame, masks in self.seed.key_frames.items():
            seen = features if frame == self.seed.frame else session.features(clip, frame)
            self._encoded[frame] = head.memorize(seen.p2, masks.to(seen.p2.device))
        self.restart(session)

    def restart(self, session: Session) -> None:
        """Go back to the key frames' memory alone: each direction starts from it."""
        if not self._encoded:
            raise RuntimeError(f"seed {self.index} was not memorised on frame {self.seed.frame}")
        count = len(self.seed.masks)
        if not self.seed.more:
            self.memories = [self._memory(session, slice(0, count), [self.seed.frame])]
            return
        shown = {frame: present(masks) for frame, masks in self.seed.key_frames.items()}
        self.memories = [
            self._memory(
                session, slice(row, row + 1), [f for f, rows in shown.items() if rows[row]]
            )
            for row in range(count)
        ]

    def read(self, objects: slice) -> list[KeyValue]:
        """Return what is remembered of some objects, in order: (O, K, M, h, w) and (O, D, ..)."""
        found = []
        for memory in self.memories:
            first = max(objects.start, memory.rows.start)
            last = min(objects.stop, memory.rows.stop)
            if first < last:
                own = slice(first - memory.rows.start, last - memory.rows.start)
                found.append(KeyValue(memory.bank.keys[own], memory.bank.values[own]))
        return found

    def wanting(self, session: Session, frame: int) -> list[_Memory]:
        """Return the memories that are to have a frame; on a key frame they begin anew."""
        wanting = []
        for place, memory in enumerate(self.memories):
            if frame != memory.since and frame in memory.key_frames:
                fresh = self._memory(session, memory.rows, sorted(memory.key_frames))
                self.memories[place] = replace(fresh, since=frame)
            elif memory.bank.wants(abs(frame - memory.since)):
                wanting.append(memory)
        return wanting

    def _memory(self, session: Session, rows: slice, frames: list[int]) -> _Memory:
        schedule = session.component.settings.propagate
        encoded = [_rows_of(self._encoded[frame], rows) for frame in frames]
        every = schedule.memory_step(len(session.clip.frames))
        bank = MemoryBank(*encoded, every=every, limit=schedule.memory_frames)
        return _Memory(rows, frozenset(frames), bank, self.seed.frame)


def _rows_of(encoding: KeyValue, rows: slice) -> KeyValue:
    return KeyValue(encoding.key[rows], encoding.value[rows])


def _steps(sizes: Sequence[int], limit: int) -> Iterator[list[tuple[int, slice]]]:
    """Deal the objects of seeds, in order, into steps of at most ``limit``.

    Yields:
        For each step the seeds, as rows of ``sizes``, with the objects that it takes of each.
    """
    step: list[tuple[int, slice]] = []
    room = limit
    for row, size in enumerate(sizes):
        first = 0
        while first < size:
            end = min(size, first + room)
            step.append((row, slice(first, end)))
            first, room = end, room - (end - first)
            if room == 0:
                yield step
                step, room = [], limit
    if step:
        yield step
