"""SAM 2, EdgeTAM and the tracker of SAM 3 as propagators, through transformers' video sessions.

The library's session keeps every frame and every output it has made. Here frames are read when
the model asks for them, and outputs go as soon as the model can no longer attend to them: what it
computes stays the same, and memory does not grow with the video. All sessions of a clip share the
image features of the current frame. Inside a session the library decodes one object after the
other; only its memory encoder takes them at once.

Letters: T frames, O objects of one seed, H and W working pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from propose_reduce.components.computing import computing
from propose_reduce.components.labels import LabelSet
from propose_reduce.components.sweeps import sweeps, without_masks
from propose_reduce.components.transformers_library import in_float32, load_pretrained
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.protocols import Corrector
from propose_reduce.structures import Clip, Detections, FrameMasks, Seed, frame_of


class Sam3Prompts:
    """Proposer: asks SAM 3 for every object that one of a few prompts describes.

    The prompts are encoded once, a frame's image once for all prompts. A prompt's score is the
    object's own probability times that of the prompt being in the picture at all.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        prompts: Sequence[str],
        *,
        min_score: float = 0.5,
        device: torch.device | str = "cpu",
        precision: torch.dtype = torch.float32,
    ) -> None:
        """Take a network, its processor and the prompts.

        Args:
            model: a ``Sam3Model``.
            processor: its ``Sam3Processor``.
            prompts: short noun phrases ("dog", "person in red").
            min_score: a detection scores above this; the prompts cannot be told apart from each
                other, so this is higher than for a detector with classes.
            device: where to compute.
            precision: float32, or bfloat16 for autocast.

        Raises:
            InputError: no prompt, an empty one, or one twice.
        """
        names = tuple(prompt.strip() for prompt in prompts)
        if not names or "" in names or len(set(names)) < len(names):
            raise InputError(
                f"SAM 3 needs one or more different prompts, as 'dog' and 'person'; got {names}"
            )
        self._model, self._processor = model.to(device).eval(), processor
        self._labels = LabelSet.from_names(dict(enumerate(names)))
        self._min_score = min_score
        self._device, self._precision = torch.device(device), precision
        with computing(self._device, self._precision):
            self._texts = [self._text(name) for name in names]

    @classmethod
    def load(cls, source: str | Path, prompts: Sequence[str], **options: Any) -> Sam3Prompts:
        """Return SAM 3 by model id or folder.

        Args:
            source: model id on the Hugging Face hub, downloaded once into the library's cache
                (facebook/sam3 asks to accept its licence first), or a folder with its files.
            prompts: see the constructor.
            **options: min_score, device and precision, see the constructor.

        Raises:
            InputError: the library is missing, the files cannot be fetched or used, or the
                prompts are faulty.
        """
        model = load_pretrained("Sam3Model", source)
        return cls(model, load_pretrained("Sam3Processor", source), prompts, **options)

    @property
    def categories(self) -> tuple[str, ...]:
        """The prompts, in the order of the class score columns."""
        return self._labels.categories

    def propose(self, clip: Clip, frame: int) -> Detections:
        """Detect what the prompts describe: masks at the working size, best first."""
        inputs = self._processor(images=frame_of(clip, frame), return_tensors="pt")
        masks, labels, scores = [], [], []
        with computing(self._device, self._precision):
            pixels = inputs["pixel_values"].to(self._device)
            features = self._model.get_vision_features(pixel_values=pixels)
            for label, text in enumerate(self._texts):
                outputs = in_float32(self._model(vision_embeds=features, **text))
                (found,) = self._processor.post_process_instance_segmentation(
                    outputs, threshold=self._min_score, target_sizes=[clip.working_size]
                )
                masks.append(found["masks"].reshape(-1, *clip.working_size) > 0)
                labels += [label] * len(found["scores"])
                scores.append(found["scores"].float())
        numbers = torch.tensor(labels, dtype=torch.int64)
        return self._labels.detections(torch.cat(masks), numbers, torch.cat(scores))

    def _text(self, prompt: str) -> dict[str, Any]:
        """Return what the network is told about a prompt."""
        tokens = self._processor(text=prompt, return_tensors="pt").to(self._device)
        known = self._model.get_text_features(**tokens)
        return {"text_embeds": known, "attention_mask": tokens["attention_mask"]}


CLASSES = {
    "sam2": ("Sam2VideoModel", "Sam2VideoProcessor"),
    "edgetam": ("EdgeTamVideoModel", "Sam2VideoProcessor"),
    "sam3-tracker": ("Sam3TrackerVideoModel", "Sam3TrackerVideoProcessor"),
}
"""Model and processor class of each kind; all of them use the same session."""

# What of its outputs a session reads again; the pointer alone is read much longer.
MEMORY = ("object_pointer", "maskmem_features", "maskmem_pos_enc")


def load_sam_video(
    kind: str,
    weights: str,
    *,
    device: torch.device | str = "cpu",
    precision: torch.dtype = torch.float32,
) -> SamVideoPropagator:
    """Return a propagator with published weights; they are fetched unless they are on disk.

    Args:
        kind: a key of ``CLASSES``.
        weights: a model id of the Hugging Face hub, or a folder with such a model.
        device: where it runs.
        precision: of the network's weights and of what it computes.

    Raises:
        InputError: an unknown kind, the library is not installed, or there are no such weights.
    """
    if kind not in CLASSES:
        raise unknown_name("video model", kind, CLASSES)
    model_class, processor_class = CLASSES[kind]
    model = load_pretrained(model_class, weights, dtype=precision)
    processor = load_pretrained(processor_class, weights)
    return SamVideoPropagator(model.to(device).eval(), processor)


@dataclass(frozen=True)
class SamVideoPropagator:
    """Follows masks by attention to the frames before, object by object.

    Objects may overlap: each is segmented on its own.

    Attributes:
        model: ``Sam2VideoModel``, ``EdgeTamVideoModel`` or ``Sam3TrackerVideoModel``, in
            evaluation mode.
        processor: the processor that belongs to it.
    """

    model: Any
    processor: Any

    def propagate(
        self, clip: Clip, seeds: Sequence[Seed], *, corrector: Corrector | None = None
    ) -> Iterator[FrameMasks]:
        """Sweep forward from the first key frame, then backward from the last.

        ``presence`` is the model's object score as a probability. A corrected mask conditions the
        model as that of the key frame does, until the next one does.
        """
        yield from without_masks(seeds, len(clip.frames))
        tracks = {
            index: _SessionTrack(self, clip, index, seed)
            for index, seed in enumerate(seeds)
            if len(seed.masks)
        }
        for track in tracks.values():
            track.session.cache = next(iter(tracks.values())).session.cache
        forward, backward = sweeps(seeds, len(clip.frames))
        for step in [*forward, *backward]:
            for index in step.seeds:
                reverse = step.frame < seeds[index].frame
                yield tracks[index].segment(step.frame, corrector, reverse=reverse)


class _SessionFrames(dict[int, Tensor]):
    """What the session takes for all frames of the video: they are read when asked for."""

    def __init__(self, clip: Clip, processor: Any, dtype: torch.dtype) -> None:
        super().__init__()
        self.clip, self.processor, self.dtype = clip, processor, dtype

    def __len__(self) -> int:
        return len(self.clip.frames)

    def __getitem__(self, index: int) -> Tensor:
        image = frame_of(self.clip, index)
        seen = self.processor.video_processor(videos=[image[None]], return_tensors="pt")
        pixels: Tensor = seen["pixel_values_videos"][0, 0]  # of the only video, its only frame
        return pixels.to(self.dtype)


class _SessionTrack:
    """A seed on its way through the clip, with a session of its own."""

    _logits_shape: torch.Size  # of the object scores where the model was given a mask

    def __init__(self, component: SamVideoPropagator, clip: Clip, index: int, seed: Seed) -> None:
        self.index, self.key_frame = index, seed.frame
        self._component, self._clip = component, clip
        model = component.model
        self.session = component.processor.init_video_session(
            inference_device=model.device, dtype=model.dtype
        )
        self.session.processed_frames = _SessionFrames(clip, component.processor, model.dtype)
        ids = list(range(len(seed.masks)))
        component.processor.process_new_mask_for_video_frame(
            self.session, seed.frame, ids, list(seed.masks)
        )

    def segment(
        self, frame: int, corrector: Corrector | None, *, reverse: bool = False
    ) -> FrameMasks:
        """Segment one frame; frames come in the order of the sweeps."""
        with torch.inference_mode():
            found = self._component.model(self.session, frame_idx=frame, reverse=reverse)
        (masks,) = self._component.processor.post_process_masks(
            [found.pred_masks], [self._clip.working_size], binarize=True
        )
        masks = masks[:, 0]
        presence = found.object_score_logits.float().sigmoid().flatten()
        if frame == self.key_frame:  # EdgeTAM's have an axis less where a mask was given
            given = self.session.output_dict_per_obj[0]["cond_frame_outputs"][frame]
            self._logits_shape = given["object_score_logits"].shape
        elif corrector is not None:
            corrected = corrector.correct(frame, self.index, masks)
            rows = (corrected != masks).flatten(1).any(dim=1)
            if bool(rows.any()):
                self._condition(frame, rows.nonzero()[:, 0].tolist(), corrected, reverse)
                masks, presence = corrected, presence.masked_fill(rows, 1.0)
        self._forget(frame)
        return FrameMasks(self.index, frame, masks, presence)

    def _condition(self, frame: int, rows: list[int], masks: Tensor, reverse: bool) -> None:
        """Let the model go on from the masks of some objects on a frame, as from the key frame's.

        Args:
            frame: just segmented.
            rows: the objects.
            masks: bool (O, H, W) on the working size; those of the rows count.
            reverse: the direction of the sweep.
        """
        session = self.session
        for index, outputs in session.output_dict_per_obj.items():
            tracked = outputs["non_cond_frame_outputs"]
            if index in rows:
                del tracked[frame]
                del session.frames_tracked_per_obj[index][frame]
            else:  # the model computes nothing where a conditioning output is there
                logits = tracked[frame]["object_score_logits"].reshape(self._logits_shape)
                outputs["cond_frame_outputs"][frame] = {
                    **tracked[frame],
                    "object_score_logits": logits,
                }
        ids = list(rows)  # the session strikes off what the model has seen
        self._component.processor.process_new_mask_for_video_frame(
            session, frame, ids, [masks[row] for row in rows]
        )
        with torch.inference_mode():
            self._component.model(session, frame_idx=frame, reverse=reverse)
        for index, outputs in session.output_dict_per_obj.items():
            given = outputs["cond_frame_outputs"]
            past = [t for t in given if t not in (self.key_frame, frame)]
            for other in past if index in rows else [frame]:
                del given[other]

    def _forget(self, frame: int) -> None:
        """Drop what no later frame attends to.

        The backward sweep starts behind the key frame, where the model also attends to the frames
        that the forward sweep left after it.
        """
        config = self._component.model.config
        frames_with_memory = config.num_maskmem - 1
        frames_with_pointer = config.max_object_pointers_in_encoder - 1
        for index, outputs in self.session.output_dict_per_obj.items():
            self.session.mask_inputs_per_obj[index].clear()
            self.session.frames_tracked_per_obj[index].clear()
            for given in outputs["cond_frame_outputs"].values():
                _keep(given, MEMORY)
            tracked = outputs["non_cond_frame_outputs"]
            for past in list(tracked):
                distance = min(abs(past - frame), abs(past - self.key_frame))
                if distance < frames_with_memory:
                    _keep(tracked[past], MEMORY)
                elif distance < frames_with_pointer:
                    _keep(tracked[past], MEMORY[:1])
                else:
                    del tracked[past]


def _keep(output: dict[str, Any], names: Sequence[str]) -> None:
    for name in output.keys() - set(names):
        del output[name]
