"""Detectors exported as ONNX files as a proposer, in the layouts that people have.

======== =========================================================== ==========================
layout   outputs                                                     exported by
======== =========================================================== ==========================
yolov8   (1, 4 + C [+ K], N): centre and size, class scores          Ultralytics 8, 11
yolov5   (1, N, 5 + C [+ K]): centre and size, objectness, classes   YOLOv5, YOLOv7
yolox    (1, N, 5 + C): the same, in cells of three grids            YOLOX
yolo26   (1, N, 6 [+ K]): corners, score, label; suppressed already  Ultralytics 26, YOLOv10
labels   boxes (N, 4), labels (N,), scores (N,) [, masks]            torchvision, Detectron2
======== =========================================================== ==========================

K are coefficients of prototypes (1, K, h, w), a second output, of masks. ``labels`` has masks
(N, 1, 28, 28) inside the boxes, or of the whole picture. Where there are no masks at all a mask
maker makes them of the boxes. What the file does not say, a YAML file of the same name may.

Letters: N detections, O those kept, C classes, H and W pixels of the canvas that the model sees.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the name everybody knows it by)
from pydantic import Field
from torch import Tensor
from torchvision.models import get_model_weights
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.ops import batched_nms, box_convert

from propose_reduce.components.labels import PLACEHOLDERS, LabelSet
from propose_reduce.components.mask_makers import GrabCut, masks_of_boxes
from propose_reduce.errors import InputError, missing_library
from propose_reduce.files import read_text
from propose_reduce.protocols import MaskMaker
from propose_reduce.settings import validate
from propose_reduce.settings.base import Settings
from propose_reduce.settings.presets import YAML_FAULTS, read_yaml
from propose_reduce.structures import Clip, Detections, Size, frame_of

STRIDES = (8, 16, 32)
"""Pixels between the cells of the three grids that detectors of the YOLO family answer on."""

AT_ONCE = 16
"""Masks that are made of prototypes in one step."""

Layout: TypeAlias = Literal["yolov8", "yolov5", "yolox", "yolo26", "labels"]
Colours: TypeAlias = tuple[float, float, float]


class OnnxSettings(Settings):
    """What a YAML file beside the model says of it; what is left out follows from the model."""

    layout: Layout | None = Field(None, description="of the outputs; None: by their shapes")
    names: str | list[str] | dict[int, str] | None = Field(
        None,
        description="of the labels: a list, a mapping, coco, or a text file with one on each line; "
        "None: those in the model's metadata",
    )
    size: tuple[int, int] | None = Field(
        None, description="height and width of the canvas, where the model takes any"
    )
    letterbox: Literal["centre", "corner", "none"] | None = Field(
        None, description="where the picture lies on the canvas; none: it is stretched to fill it"
    )
    border: int = Field(114, ge=0, le=255, description="grey of the canvas around it")
    order: Literal["rgb", "bgr"] | None = Field(None, description="of the colours")
    scale: float | None = Field(None, gt=0, description="colours are divided by it")
    mean: Colours = Field((0, 0, 0), description="taken off after that")
    deviation: Colours = Field((1, 1, 1), description="divided by after that")
    overlap: float = Field(0.5, ge=0, le=1, description="IoU above which the weaker one goes")
    mask_maker: str = Field("grabcut", description="of models that give boxes alone")

    @classmethod
    def beside(cls, file: Path) -> OnnxSettings:
        """Return what lies beside a model, ``detector.yaml`` of ``detector.onnx``, or nothing.

        Raises:
            InputError: it is faulty.
        """
        path = file.with_suffix(".yaml")
        if not path.is_file():
            return cls()
        try:
            data = read_yaml(read_text(path)) or {}
        except YAML_FAULTS as error:
            raise InputError(
                f"'{path}' is not valid YAML: {' '.join(str(error).split())}"
            ) from error
        said = validate(cls, data, f"'{path}'")
        if isinstance(said.names, str) and said.names != "coco":
            return said.model_copy(update={"names": str(path.parent / said.names)})
        return said


@dataclass(frozen=True, slots=True)
class Placing:
    """Where a picture lies on the canvas.

    Attributes:
        canvas: height and width of it.
        shown: of the picture on it.
        top: first row of the picture.
        left: first column.
    """

    canvas: Size
    shown: Size
    top: int = 0
    left: int = 0

    @classmethod
    def of(cls, size: Size, canvas: Size, letterbox: str) -> Placing:
        """Return the place of a picture of a size."""
        if letterbox == "none":
            return cls(canvas, canvas)
        scale = min(canvas[0] / size[0], canvas[1] / size[1])
        shown = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        if letterbox == "corner":
            return cls(canvas, shown)
        return cls(canvas, shown, (canvas[0] - shown[0]) // 2, (canvas[1] - shown[1]) // 2)

    def boxes_in(self, size: Size, boxes: Tensor) -> Tensor:
        """Return boxes (O, 4) on the canvas in pixels of a picture of a size, cut at its edges."""
        shift = torch.tensor([self.left, self.top] * 2)
        scale = torch.tensor([size[1] / self.shown[1], size[0] / self.shown[0]] * 2)
        return torch.minimum(
            ((boxes - shift) * scale).clamp(min=0), torch.tensor([size[1], size[0]] * 2)
        )

    def masks_in(self, size: Size, soft: Tensor) -> Tensor:
        """Return masks (O, H, W) on the canvas as bool masks of a picture of a size."""
        rows = slice(self.top, self.top + self.shown[0])
        columns = slice(self.left, self.left + self.shown[1])
        shown = soft[:, None, rows, columns]
        return F.interpolate(shown, size, mode="bilinear")[:, 0] > 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Detections on the canvas.

    Attributes:
        boxes: (N, 4), x1, y1, x2, y2.
        scores: (N,).
        labels: int64 (N,).
        extra: (N, ...), coefficients or masks; None without either.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    extra: Tensor | None = None

    def __getitem__(self, rows: Tensor) -> _Found:
        extra = None if self.extra is None else self.extra[rows]
        return _Found(self.boxes[rows], self.scores[rows], self.labels[rows], extra)


class OnnxDetector:
    """Proposer: an ONNX file, run by onnxruntime."""

    def __init__(
        self,
        file: Path,
        said: OnnxSettings | None = None,
        *,
        mask_maker: MaskMaker | None = None,
        min_score: float = 0.2,
        max_objects: int = 100,
        device: torch.device | str = "cpu",
    ) -> None:
        """Open the model and run it once, to see what it gives.

        Args:
            file: the model.
            said: what it does not say itself.
            mask_maker: makes masks where the model gives none; GrabCut by default.
            min_score: a detection scores above this.
            max_objects: on a frame at most.
            device: "cuda" takes the GPU where the installed onnxruntime can.

        Raises:
            InputError: onnxruntime is missing, the file is no such model, its layout is not known,
                or there is not one name for each class.
        """
        self._file, self._said = file, said or OnnxSettings()
        self._session = _session(file, torch.device(device))
        shape = self._session.get_inputs()[0].shape
        if len(self._session.get_inputs()) > 1 or len(shape) not in (3, 4):
            raise InputError(
                f"'{file}' must take one input, pictures (1, 3, H, W): it takes {shape}"
            )
        self._batched = len(shape) == 4
        height, width = shape[-2:]
        fixed = isinstance(height, int) and isinstance(width, int)
        self._canvas: Size | None = (height, width) if fixed else self._said.size
        self._mask_maker = mask_maker or GrabCut()
        self._min_score, self._most = min_score, max_objects
        self._layout: Layout = self._said.layout or "labels"
        size = self._canvas or (640, 640)
        outputs = self._run(np.full((*size, 3), 114, np.uint8), Placing(size, size))
        self._layout = self._said.layout or _guess(outputs, size, file)
        if self._canvas is None and self._layout != "labels":
            self._canvas = size
        names = _names(file, self._session, self._said)
        self._labels = LabelSet.from_names(names)
        count = self._num_classes(outputs)
        if count not in (None, len(names)):
            raise InputError(
                f"'{file}' tells {count} classes apart, but there are names for {len(names)}: say "
                f"them in '{file.with_suffix('.yaml').name}' (names: [cat, dog])"
            )

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the class score columns."""
        return self._labels.categories

    def propose(self, clip: Clip, frame: int) -> Detections:
        """Detect objects: masks at the working size, best first."""
        picture = frame_of(clip, frame)
        size = clip.original_size
        placing = Placing.of(size, self._canvas or size, self._letterbox)
        outputs = self._run(picture, placing)
        found = self._decode(outputs, placing.canvas)
        found = found[found.scores > self._min_score]
        if self._layout not in ("labels", "yolo26"):
            found = found[batched_nms(found.boxes, found.scores, found.labels, self._said.overlap)]
        found = found[found.scores.argsort(descending=True, stable=True)[: self._most]]
        in_picture = placing.boxes_in(size, found.boxes)
        there = (in_picture[:, 2:] > in_picture[:, :2]).all(dim=1)
        found = found[there]
        if found.extra is None:
            masks = masks_of_boxes(self._mask_maker, clip, frame, in_picture[there])
        elif found.extra.ndim == 2:
            (prototypes,) = _of_rank(outputs, 4)
            masks = _from_prototypes(found, found.extra, prototypes[0], placing, clip.working_size)
        else:
            masks = _from_masks(found, found.extra, placing, clip.working_size)
        return self._labels.detections(masks, found.labels, found.scores.clamp(0, 1))

    @property
    def _letterbox(self) -> str:
        usual = {"yolox": "corner", "labels": "none"}
        return self._said.letterbox or usual.get(self._layout, "centre")

    def _run(self, picture: np.ndarray, placing: Placing) -> list[Tensor]:
        """Return what the model gives for an RGB picture."""
        said = self._said
        raw = self._layout == "yolox"  # which alone was trained on plain BGR
        canvas = np.full((*placing.canvas, 3), said.border, np.uint8)
        height, width = placing.shown
        canvas[placing.top : placing.top + height, placing.left : placing.left + width] = (
            cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        )
        if (said.order or ("bgr" if raw else "rgb")) == "bgr":
            canvas = canvas[:, :, ::-1]
        colours = canvas.astype(np.float32) / (said.scale or (1.0 if raw else 255.0))
        mean, deviation = (np.array(each, np.float32) for each in (said.mean, said.deviation))
        colours = (colours - mean) / deviation
        given = np.ascontiguousarray(colours.transpose(2, 0, 1))
        given = given[None] if self._batched else given
        name = self._session.get_inputs()[0].name
        try:
            found = self._session.run(None, {name: given})
        except Exception as error:  # onnxruntime has a class of its own for each of its faults
            reason = " ".join(str(error).split())
            raise InputError(
                f"'{self._file}' does not take a picture {given.shape}: {reason:.200}"
            ) from error
        return [torch.from_numpy(np.array(output)) for output in found]

    def _num_classes(self, outputs: list[Tensor]) -> int | None:
        """Return how many classes the model tells apart; None where it does not show."""
        if self._layout in ("labels", "yolo26"):
            return None
        first, more = _of_rank(outputs, 3)[0], sum(o.shape[1] for o in _of_rank(outputs, 4))
        return first.shape[1] - 4 - more if self._layout == "yolov8" else first.shape[2] - 5 - more

    def _decode(self, outputs: list[Tensor], canvas: Size) -> _Found:
        """Return all detections of a picture."""
        if self._layout == "labels":
            return _labelled(outputs)
        rows = _of_rank(outputs, 3)[0][0].float()
        more = sum(output.shape[1] for output in _of_rank(outputs, 4))
        rows = rows.T if self._layout == "yolov8" else rows
        extra = rows[:, rows.shape[1] - more :] if more else None
        rows = rows[:, : rows.shape[1] - more]
        if self._layout == "yolo26":
            return _Found(rows[:, :4], rows[:, 4], rows[:, 5].round().long(), extra)
        centred, scores = rows[:, :4], rows[:, 4:]
        if self._layout == "yolox":
            grid = _grid(canvas)
            centred = torch.cat([centred[:, :2] + grid[:, :2], centred[:, 2:].exp()], dim=1)
            centred = centred * grid[:, 2:].repeat(1, 2)
        if self._layout != "yolov8":
            scores = scores[:, :1] * scores[:, 1:]
        best, labels = scores.max(dim=1)
        return _Found(box_convert(centred, "cxcywh", "xyxy"), best, labels, extra)


def _session(file: Path, device: torch.device) -> Any:
    """Return a model ready to run."""
    try:
        library = import_module("onnxruntime")
    except ImportError as error:
        raise missing_library("the proposer 'onnx'", "onnxruntime", "onnx") from error
    if not file.is_file():
        raise InputError(f"'{file}' is no file: name an ONNX model")
    options = library.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    usable = library.get_available_providers()
    wanted = ["CUDAExecutionProvider"] if device.type == "cuda" else []
    providers = [name for name in wanted if name in usable] + ["CPUExecutionProvider"]
    try:
        return library.InferenceSession(str(file), options, providers=providers)
    except Exception as error:  # onnxruntime has a class of its own for each of its faults
        reason = " ".join(str(error).split())
        raise InputError(f"'{file}' is no ONNX model that can be run: {reason:.200}") from error


def _names(file: Path, session: Any, said: OnnxSettings) -> dict[int, str]:
    """Return the names of the labels by number."""
    names: Any = said.names
    if names is None:
        text = session.get_modelmeta().custom_metadata_map.get("names", "")
        try:
            names = ast.literal_eval(text)  # as Ultralytics writes it
        except (ValueError, SyntaxError, RecursionError):
            names = None
    elif names == "coco":
        known = get_model_weights("maskrcnn_resnet50_fpn_v2").DEFAULT.meta["categories"]
        names = [name for name in known if name not in PLACEHOLDERS]
    elif isinstance(names, str):
        names = [line.strip() for line in read_text(Path(names)).splitlines() if line.strip()]
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise InputError(
            f"'{file}' does not say what its labels are called: put 'names: coco', a list or a "
            f"file of names into '{file.with_suffix('.yaml').name}' beside it"
        )
    return {int(label): str(name) for label, name in names.items()}


def _of_rank(outputs: list[Tensor], rank: int) -> list[Tensor]:
    return [output for output in outputs if output.ndim == rank]


def _guess(outputs: list[Tensor], canvas: Size, file: Path) -> Layout:
    """Return the layout that the shapes of the outputs have."""
    if len(_of_rank(outputs, 1)) == 2 and len(_of_rank(outputs, 2)) == 1:
        return "labels"
    shapes = [tuple(output.shape) for output in outputs]
    if rows := _of_rank(outputs, 3):
        _, first, second = rows[0].shape
        more = sum(output.shape[1] for output in _of_rank(outputs, 4))
        cells = len(_grid(canvas))
        by_shape: dict[tuple[int, int], Layout] = {
            (0, cells): "yolox",
            (0, 3 * cells): "yolov5",
            (1, cells): "yolov8",
        }
        for axis, side in enumerate((first, second)):
            if (axis, side) in by_shape:
                return by_shape[axis, side]
        if second - more == 6:
            return "yolo26"
    raise InputError(
        f"'{file}' gives {shapes}, which no known layout has: say 'layout: yolov8', yolov5, yolox, "
        f"yolo26 or labels in '{file.with_suffix('.yaml').name}' beside it"
    )


def _grid(canvas: Size) -> Tensor:
    """Return column, row and stride, twice, of every cell of the three grids: (N, 4)."""
    cells = []
    for stride in STRIDES:
        rows, columns = torch.meshgrid(
            *(torch.arange(side // stride, dtype=torch.float32) for side in canvas), indexing="ij"
        )
        strides = torch.full((rows.numel(), 2), float(stride))
        cells.append(torch.cat([columns.reshape(-1, 1), rows.reshape(-1, 1), strides], dim=1))
    return torch.cat(cells)


def _labelled(outputs: list[Tensor]) -> _Found:
    """Return detections that come as boxes, labels and scores, in any order."""
    (boxes,) = _of_rank(outputs, 2)
    flat = _of_rank(outputs, 1)
    scores = next(output for output in flat if output.is_floating_point())
    labels = next(output for output in flat if not output.is_floating_point())
    masks = next(iter(_of_rank(outputs, 4)), None)
    return _Found(boxes, scores, labels.long(), None if masks is None else masks.float())


def _from_prototypes(
    found: _Found, coefficients: Tensor, prototypes: Tensor, placing: Placing, size: Size
) -> Tensor:
    """Return masks as sums of prototypes (K, h, w), each inside its box: bool (O, *size)."""
    masks = torch.zeros(len(coefficients), *size, dtype=torch.bool)
    for start in range(0, len(masks), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        soft = torch.einsum("ok,khw->ohw", coefficients[part], prototypes.float()).sigmoid()
        soft = F.interpolate(soft[:, None], placing.canvas, mode="bilinear")[:, 0]
        masks[part] = placing.masks_in(size, soft * _inside(found.boxes[part], placing.canvas))
    return masks


def _from_masks(found: _Found, soft: Tensor, placing: Placing, size: Size) -> Tensor:
    """Return masks that are small and fill their boxes, or are as large as the canvas."""
    if not len(soft):
        return torch.zeros(0, *size, dtype=torch.bool)
    if tuple(soft.shape[-2:]) != placing.canvas:
        soft = paste_masks_in_image(soft, found.boxes, placing.canvas)
    return placing.masks_in(size, soft[:, 0])


def _inside(boxes: Tensor, canvas: Size) -> Tensor:
    """Return where on the canvas boxes are: bool (O, H, W), by the middles of pixels."""
    rows, columns = (torch.arange(side) + 0.5 for side in canvas)
    left, top, right, bottom = boxes.T[:, :, None, None]
    across = (columns >= left) & (columns < right)
    return across & (rows[:, None] >= top) & (rows[:, None] < bottom)
