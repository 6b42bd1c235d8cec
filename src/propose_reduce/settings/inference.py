"""The settings of inference, stage by stage, and of the components (docs/method.md)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from propose_reduce.settings.base import Settings


class ComponentSettings(Settings):
    """The components that do the work, by name (docs/components.md)."""

    proposer: str = Field("seq-mask-rcnn", description="finds objects on the key frames")
    propagator: str = Field("seq-mask-rcnn", description="follows them through the video")
    scorer: str = Field("seq-mask-rcnn", description="says what class their masks show")
    prompts: tuple[str, ...] = Field(
        (), description="what a proposer that takes text looks for: its categories"
    )

    @property
    def use_model(self) -> bool:
        """Return whether one of them is the model's own."""
        return "seq-mask-rcnn" in (self.proposer, self.propagator, self.scorer)


class ProposeSettings(Settings):
    """What starts a sequence (docs/method.md, section 2)."""

    key_frames: int = Field(5, ge=1, description="K, the frames to propose on")
    max_objects: int = Field(10, ge=1, description="O, the best detections of a key frame")
    order: Literal["score", "class"] = Field(
        "score",
        description="order of detections before mask NMS; class: class by class where there are "
        "no more than max_objects, as in the authors' code",
    )
    min_score: float = Field(0.2, ge=0, le=1, description="a detection scores above this")
    box_nms: float = Field(0.5, ge=0, le=1, description="box NMS IoU inside one class")
    mask_nms: float | None = Field(
        0.2, ge=0, le=1, description="mask NMS IoU inside a key frame; null turns it off"
    )
    skip_covered: bool = Field(
        False,
        description="a detection that an earlier key frame's sequence already covers starts none",
    )
    covered_iou: float = Field(
        0.7, gt=0, le=1, description="skip_covered: mask IoU from which a detection is covered"
    )


class PropagateSettings(Settings):
    """How masks travel through the video (docs/method.md, section 2)."""

    memory_every: Annotated[int, Field(ge=1)] | Literal["T/10"] = Field(
        5,
        description="memorise every Nth frame from the key frame; T/10: N is a tenth of the "
        "video's frames",
    )
    memory_frames: int | None = Field(
        16,
        ge=2,
        description="most frames in a memory, when full every second other one goes; null: no "
        "bound",
    )
    padding: Literal["image", "canvas"] = Field(
        "image",
        description="what masks are thresholded, boxed, scored and compared on: the image, or "
        "with its padding to multiples of 32, as in the authors' code",
    )
    batch_objects: int | None = Field(
        None, ge=1, description="most objects decoded at once; null: as many as memory allows"
    )
    cache_mb: int = Field(
        512, ge=0, description="most memory for features of frames that come again, MB"
    )
    schedule: Literal["full", "associate"] = Field(
        "full",
        description="follow every proposal through the whole video, or find first which proposals "
        "are one object and follow each object once",
    )
    associate_iou: float = Field(
        0.5, gt=0, le=1, description="associate: mask IoU from which two proposals are one object"
    )
    correct: Literal["off", "detections"] = Field(
        "off", description="put carried masks right by what the proposer sees on the way"
    )
    correct_every: int = Field(1, ge=1, description="correct on every Nth frame of the video")
    correct_iou: float = Field(
        0.5, gt=0, le=1, description="mask IoU from which a detection may correct a carried mask"
    )
    self_propagation: bool = Field(
        True, description="the key frame too is segmented from its memory, not taken as detected"
    )

    def memory_step(self, num_frames: int) -> int:
        """Return N of ``memory_every`` in a video of so many frames."""
        return max(1, num_frames // 10) if self.memory_every == "T/10" else self.memory_every


class ScoreSettings(Settings):
    """What a sequence's score is the mean of (docs/method.md, section 3)."""

    missed: Literal["background", "ignored"] | Annotated[float, Field(ge=0, le=1)] = Field(
        "background",
        description="what counts where a scorer, or a track, looked for the object and found "
        "nothing: background; that factor of the key frame's scores; or the frame is ignored",
    )

    every: int = Field(
        1, ge=1, description="redetect: look at every Nth frame of the video, and at key frames"
    )
    absent: float = Field(
        0.0,
        ge=0,
        le=1,
        description="how much a frame without a mask counts as background; the paper leaves it out",
    )

    @property
    def missed_factor(self) -> float | None:
        """Return the share of the key frame's scores that a missed frame gets; None: no opinion."""
        if isinstance(self.missed, str):
            return None if self.missed == "ignored" else 0.0
        return self.missed


class ReduceSettings(Settings):
    """How redundant sequences go (docs/method.md, section 4)."""

    kind: Literal["hard", "soft", "category-aware", "compose"] = Field(
        "hard",
        description="drop (YouTube-VIS), decay (DAVIS), decay class by class, or compose one "
        "sequence of those that meet and then drop",
    )
    iou: float = Field(0.5, ge=0, le=1, description="sequence IoU from which the weaker one goes")
    min_score: float = Field(0.05, ge=0, le=1, description="sequences below this are not kept")
    vote: bool = Field(
        False, description="hard: what is dropped has a vote on the masks of what is kept"
    )
    compose_iou: float = Field(
        0.5, gt=0, le=1, description="compose: IoU between their key frames from which two meet"
    )
    sigma: float = Field(0.5, gt=0, description="soft kinds: scores decay by exp(-IoU^2 / sigma)")
    soft_min_score: float = Field(
        0.001, ge=0, le=1, description="soft kinds: stop below this decayed score"
    )
    max_sequences: int = Field(20, ge=1, description="soft: most sequences")
    category_iou: float = Field(
        0.9, ge=0, le=1, description="category-aware: IoU of the sequence NMS before the decay"
    )
    category_max_sequences: int = Field(
        100, ge=1, description="category-aware: most sequences of one class"
    )

    @property
    def min_reported_score(self) -> float:
        """Return the score below which no sequence is reported."""
        return self.min_score if self.kind in ("hard", "compose") else self.soft_min_score


class WindowSettings(Settings):
    """How videos of any length are cut and their sequences joined (docs/method.md)."""

    window: int | None = Field(
        128, ge=2, description="longer videos are cut into windows; null: never"
    )
    overlap: int = Field(16, ge=1, description="frames that neighbouring windows share")
    iou: float = Field(
        0.1, gt=0, le=1, description="least mask IoU over the shared frames to join two sequences"
    )
    class_weight: float = Field(
        0.1, ge=0, description="added to the IoU where two sequences are of one class"
    )

    @model_validator(mode="after")
    def _check(self) -> WindowSettings:
        if self.window is not None and self.overlap >= self.window:
            raise ValueError(f"overlap ({self.overlap}) must be below window ({self.window})")
        return self


class LinkSettings(Settings):
    """How track-by-detect and clip-match link what they find (docs/components.md)."""

    iou: float = Field(
        0.3, gt=0, le=1, description="least mask IoU of a detection, or clip track, with its object"
    )
    class_weight: float = Field(
        1.0, ge=0, description="added to the IoU where track and detection are of one class"
    )
    max_gap: int = Field(5, ge=0, description="frames without a detection that a track outlives")
    reach: int = Field(
        6, ge=1, description="clip-match: frames to either side that a detection is carried to"
    )


class InferenceSettings(Settings):
    """The paradigm's settings, stage by stage."""

    paradigm: Literal["propose-reduce", "track-by-detect", "clip-match"] = Field(
        "propose-reduce",
        description="propose-reduce; or to compare with: track-by-detect links detections, "
        "clip-match links short propagated clips (MaskProp)",
    )
    propose: ProposeSettings = ProposeSettings()
    propagate: PropagateSettings = PropagateSettings()
    score: ScoreSettings = ScoreSettings()
    windows: WindowSettings = WindowSettings()
    link: LinkSettings = LinkSettings()
    reduce: ReduceSettings = ReduceSettings()

    @model_validator(mode="after")
    def _check_schedule(self) -> InferenceSettings:
        if self.propose.skip_covered and self.propagate.schedule == "associate":
            raise ValueError(
                "propose.skip_covered takes key frames one after the other, propagate.schedule: "
                "associate takes them together: leave one of them out"
            )
        return self
