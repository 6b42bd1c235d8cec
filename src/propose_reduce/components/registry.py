"""Components by name: ``torchvision:maskrcnn_resnet50_fpn_v2``, ``flow``, ``redetect``.

A name is a kind and, for most, after a colon what to take: a model, a folder. There is one table
for each role. Classes of others come in by an entry point, or as ``module:Class``. Libraries are
imported, and weights looked for, only when a component that needs them is built
(docs/components.md).
"""

import sys
import warnings
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from propose_reduce.components.published_weights import (
    PublishedWeights,
    hub_weights,
    torchvision_weights,
)
from propose_reduce.errors import InputError, cut, nearest
from propose_reduce.protocols import MaskMaker, Propagator, Proposer, Scorer
from propose_reduce.settings import InferenceSettings, load_preset, preset_names

ENTRY_POINTS = "propose_reduce.components"
"""Group in which another package announces components: a name, and the class it stands for."""

OWN = "seq-mask-rcnn"
"""The loaded model's own component; it needs a session on the clip, so it is not built here."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a component is built for.

    Attributes:
        device: where to compute.
        precision: of what is not sensitive.
        settings: of the run.
        prompts: what a proposer that takes text looks for.
        video: name of the video, for components that know one video only.
        frames: what its frames are called: images without a suffix, numbers in a video file.
        warn: called with what the user should know.
        proposer: at work on that video, for scorers that ask it.
        key_frames: the frames to propose on, given how many there are.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: torch.dtype = torch.float32
    settings: InferenceSettings = field(default_factory=InferenceSettings)
    prompts: tuple[str, ...] = ()
    video: str = ""
    frames: tuple[str, ...] = ()
    warn: Callable[[str], None] = warnings.warn
    proposer: Proposer | None = None
    key_frames: Callable[[int], Container[int]] = range


Component = TypeVar("Component", covariant=True)


@dataclass(frozen=True, slots=True)
class Facts:
    """What people should know of a component before they name it, in a few words each.

    Attributes:
        task: what it does.
        source: what follows the colon where this is about one model; else any.
        code: licence of the code that runs.
        weights: licence of the weights; of a model of the hub that is known it is looked up.
        size: of the weights; likewise.
        needs: what must be there beside the base install.
        tested: how this package knows that it works.
    """

    task: str
    source: str = ""
    code: str = "Apache-2.0"
    weights: str = "none"
    size: str = "none"
    needs: str = "nothing more"
    tested: str = "end to end, by hand-made cases"


@dataclass(frozen=True, slots=True)
class Kind(Generic[Component]):
    """A kind of component.

    Attributes:
        build: makes it from what follows the colon.
        source: what that is, as the help calls it; empty for nothing.
        per_video: it depends on the video, so each video gets its own.
        takes_prompts: it looks for what text says.
        published: which weights it downloads, from what follows the colon; None: it has none.
        facts: what to know of it: of some models by name, then of all.
    """

    build: Callable[[str, Request], Component]
    source: str = ""
    per_video: bool = False
    takes_prompts: bool = False
    published: Callable[[str], PublishedWeights | None] | None = None
    facts: tuple[Facts, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """The components at work on one clip; None where the paradigm needs none."""

    proposer: Proposer | None = None
    propagator: Propagator | None = None
    scorer: Scorer | None = None

    @property
    def categories(self) -> tuple[str, ...]:
        """The proposer's foreground classes; none without one."""
        return () if self.proposer is None else self.proposer.categories


def _torchvision(source: str, request: Request) -> Proposer:
    from propose_reduce.components.torchvision_detector import TorchvisionDetector

    name, _, weights = source.partition(":")
    return TorchvisionDetector.load(
        name,
        weights or None,
        min_score=request.settings.propose.min_score,
        device=request.device,
        precision=request.precision,
    )


def _hugging_face(source: str, request: Request) -> Proposer:
    from propose_reduce.components.huggingface_segmenter import HuggingFaceSegmenter
    from propose_reduce.components.sam_video import Sam3Prompts

    options: dict[str, Any] = {
        "min_score": request.settings.propose.min_score,
        "device": request.device,
        "precision": request.precision,
    }
    if request.prompts:
        return Sam3Prompts.load(source, request.prompts, **options)
    return HuggingFaceSegmenter.load(source, **options)


def _onnx(source: str, request: Request) -> Proposer:
    from propose_reduce.components.onnx_detector import OnnxDetector, OnnxSettings

    file, wanted = Path(source), request.settings.propose
    said = OnnxSettings.beside(file)
    return OnnxDetector(
        file,
        said,
        mask_maker=MASK_MAKERS.build(said.mask_maker, request),
        min_score=wanted.min_score,
        max_objects=wanted.max_objects,
        device=request.device,
    )


def _files(source: str, request: Request) -> Proposer:
    from propose_reduce.components.detection_files import DetectionFiles

    wanted = request.settings.propose
    return DetectionFiles(
        source,
        video=request.video or None,
        frames=request.frames,
        min_score=wanted.min_score,
        max_objects=wanted.max_objects,
        warn=request.warn,
    )


def _sam_video(kind: str, source: str, request: Request) -> Propagator:
    from propose_reduce.components.sam_video import load_sam_video

    return load_sam_video(kind, source, device=request.device, precision=request.precision)


def _flow(source: str, request: Request) -> Propagator:
    from propose_reduce.components.flow import FlowPropagator

    return FlowPropagator()


def _key_frame(source: str, request: Request) -> Scorer:
    from propose_reduce.components.scorers import KeyFrameScorer

    return KeyFrameScorer()


def _redetect(source: str, request: Request, *, everywhere: bool = True) -> Scorer:
    from propose_reduce.components.scorers import RedetectScorer

    if request.proposer is None:
        raise InputError("the scorer 'redetect' asks a proposer, and none is at work")
    return RedetectScorer(
        request.proposer,
        request.key_frames,
        every=request.settings.score.every if everywhere else None,
        missed=request.settings.score.missed_factor,
    )


def _sam_masks(source: str, request: Request) -> MaskMaker:
    from propose_reduce.components.mask_makers import SamMaskMaker

    return SamMaskMaker.load(source, device=request.device, precision=request.precision)


def _grabcut(source: str, request: Request) -> MaskMaker:
    from propose_reduce.components.mask_makers import GrabCut

    return GrabCut()


_WEIGHTS = "ID|FOLDER"
_ON_THE_HUB = {"weights": "see its model card", "size": "see its model card"}
_TINY = "equal to the library's own on tiny random weights"


def _of_transformers(task: str, *sources: str, tested: str = _TINY) -> tuple[Facts, ...]:
    """Return the facts of models of the transformers library: some by name, then any."""
    known = [
        Facts(task, source, needs=f"transformers{gpu}", tested=tested, **_ON_THE_HUB)
        for source in sources
        for gpu in [", a GPU to be useful" if source.endswith(("large", "sam3")) else ""]
    ]
    return (*known, Facts(task, needs="transformers", tested=tested, **_ON_THE_HUB))


@dataclass(frozen=True, slots=True)
class Table(Generic[Component]):
    """The kinds of one role, besides the model's own component.

    Attributes:
        role: "proposer", "propagator", "scorer" or "mask maker".
        method: what a component of the role must have.
        kinds: by name.
        own: the model has a component of the role.
    """

    role: str
    method: str
    kinds: Mapping[str, Kind[Component]]
    own: bool = True

    @property
    def forms(self) -> list[str]:
        """How the components are named, for people to read."""
        named = [
            f"{name}:{kind.source}" if kind.source else name for name, kind in self.kinds.items()
        ]
        return [
            *[OWN] * self.own,
            *named,
            *(entry.name for entry in _entry_points()),
            "MODULE:CLASS",
        ]

    def kind(self, name: str) -> Kind[Component]:
        """Return the kind of a named component.

        Raises:
            InputError: an unknown kind, one without what must follow its colon, or a class of
                someone else's that cannot be imported.
        """
        key, colon, source = name.partition(":")
        if key not in self.kinds:
            return self._foreign(name)
        kind = self.kinds[key]
        if bool(source) != bool(kind.source) or (colon and not source):
            form = f"{key}:{kind.source}" if kind.source else key
            raise InputError(f"the {self.role} '{name}' must read '{form}'")
        return kind

    def listed(self, name: str) -> str:
        """Return the name that a preset gives, if it needs no code but what is installed.

        Raises:
            InputError: it is ``module:Class``, or unknown: a preset may be anybody's, and to import
                a module or to call what is in it is to run code.
        """
        key = name.partition(":")[0]
        if name == OWN or key in self.kinds or key in announced():
            return name
        raise InputError(
            f"a preset names the {self.role} {cut(name)}: {self._advice(key)}; a class of one's "
            f"own is named on the command line, --{self.role} MODULE:CLASS"
        )

    def has_weights(self, name: str) -> bool:
        """Return whether a named component has weights of its own, on disk or a download away."""
        return name == OWN or self.kind(name).published is not None

    def published(self, name: str) -> PublishedWeights | None:
        """Return the weights that a named component downloads, if it does.

        Raises:
            InputError: an unknown name.
        """
        if name == OWN:
            return None
        find = self.kind(name).published
        return None if find is None else find(name.partition(":")[2])

    def build(self, name: str, request: Request) -> Component:
        """Return a component by name; its weights are fetched unless they are on disk.

        Raises:
            InputError: an unknown name, prompts for a component that takes none, an extra that is
                not installed, or weights that cannot be fetched.
        """
        kind = self.kind(name)
        if self.role == "proposer" and request.prompts and not kind.takes_prompts:
            raise InputError(f"the proposer '{name}' takes no prompts: only 'hf:{_WEIGHTS}' does")
        return kind.build(name.partition(":")[2], request)

    def check(self, component: object, what: str) -> None:
        """Raise InputError unless an object, called so in the message, can play the role."""
        kind = type(component).__name__
        wanted = f"is not a {self.role}: give an object with '{self.method}', or a name"
        if isinstance(component, type):
            raise InputError(f"{what} is a class: give an object of it, {component.__name__}(..)")
        if not callable(getattr(component, self.method, None)):
            raise InputError(f"{what} ({kind}) {wanted} ({', '.join(self.forms)})")
        if self.role == "proposer" and not hasattr(component, "categories"):
            raise InputError(f"{what} ({kind}) has no 'categories', the names of what it finds")

    def _foreign(self, name: str) -> Kind[Component]:
        """Return the kind of a class that an entry point or ``module:Class`` names."""
        key, _, rest = name.partition(":")
        entry = next((entry for entry in _entry_points() if entry.name == key), None)
        if entry is not None:
            return self._of_class(name, _imported(name, entry.load), rest)
        attribute, _, source = rest.partition(":")
        dotted = [*key.split("."), attribute]
        if not all(word.isidentifier() for word in dotted) or not _findable(key):
            raise InputError(f"unknown {self.role} '{name}': {self._advice(key)}")
        return self._of_class(
            name, _imported(name, lambda: getattr(import_module(key), attribute)), source
        )

    def _of_class(self, name: str, made_by: Any, source: str) -> Kind[Component]:
        """Return a class as a kind; it gets the fields of the request that it has arguments for."""
        if not callable(made_by):
            raise InputError(f"'{name}' is not a class: name one with a '{self.method}' method")
        parameters = signature(made_by).parameters
        wanted = [item.name for item in fields(Request) if item.name in parameters]

        def build(_: str, request: Request) -> Component:
            arguments = [source] if source else []
            options = {item: getattr(request, item) for item in wanted}
            try:
                signature(made_by).bind(*arguments, **options)
            except TypeError as error:
                raise InputError(f"the {self.role} '{name}' cannot be made: {error}") from error
            component: Component = made_by(*arguments, **options)
            self.check(component, f"'{name}'")
            return component

        return Kind(
            build,
            per_video="video" in wanted or "proposer" in wanted,
            takes_prompts="prompts" in wanted,
        )

    def _advice(self, key: str) -> str:
        """Say what would have been right: the nearest name, and all."""
        known = f"known: {', '.join(self.forms)}"
        for other in TABLES.values():
            if key in other.kinds:
                return f"it is a {other.role}; {known}"
        guess = nearest(key, [*[OWN] * self.own, *self.kinds])
        return f"did you mean '{guess}'? {known}" if guess else known


PROPOSERS: Table[Proposer] = Table(
    "proposer",
    "propose",
    {
        "torchvision": Kind(
            _torchvision,
            "NAME",
            published=torchvision_weights,
            facts=tuple(
                Facts("instances of COCO's classes", name, code="BSD-3-Clause", tested=_TINY)
                for name in ("maskrcnn_resnet50_fpn_v2", "maskrcnn_resnet50_fpn")
            ),
        ),
        "hf": Kind(
            _hugging_face,
            _WEIGHTS,
            takes_prompts=True,
            published=partial(hub_weights, kind="hf"),
            facts=(
                *_of_transformers(
                    "instances of the model's classes",
                    "facebook/mask2former-swin-small-coco-instance",
                ),
                *_of_transformers("instances of what `--prompt` says", "facebook/sam3")[:1],
            ),
        ),
        "onnx": Kind(
            _onnx,
            "FILE",
            facts=(
                Facts(
                    "instances of the model's classes, or boxes for a mask maker",
                    weights="the file's",
                    size="the file's",
                    needs="onnxruntime",
                    tested="tiny models of each layout, and a real one",
                ),
            ),
        ),
        "file": Kind(
            _files,
            "DIR",
            per_video=True,
            facts=(
                Facts(
                    "what another program found, from files",
                    needs="masks from any detector",
                    tested="files of other tools, and damaged ones",
                ),
            ),
        ),
    },
)
PROPAGATORS: Table[Propagator] = Table(
    "propagator",
    "propagate",
    {
        **{
            kind: Kind(
                partial(_sam_video, kind),
                _WEIGHTS,
                published=partial(hub_weights, kind=kind),
                facts=_of_transformers("follows masks by attention to past frames", *models),
            )
            for kind, models in {
                "sam2": ("facebook/sam2.1-hiera-tiny", "facebook/sam2.1-hiera-large"),
                "edgetam": (),
                "sam3-tracker": ("facebook/sam3",),
            }.items()
        },
        "flow": Kind(
            _flow,
            facts=(
                Facts(
                    "follows masks along optical flow",
                    code="Apache-2.0 (OpenCV's DIS)",
                    tested="hand-made cases and real clips",
                ),
            ),
        ),
    },
)
SCORERS: Table[Scorer] = Table(
    "scorer",
    "score",
    {
        "key-frame": Kind(
            _key_frame,
            per_video=True,
            facts=(Facts("repeats what the proposer said on the key frame"),),
        ),
        "redetect": Kind(
            _redetect,
            per_video=True,
            facts=(Facts("asks the proposer on all frames", needs="the proposer on every frame"),),
        ),
        "redetect-key-frames": Kind(
            partial(_redetect, everywhere=False),
            per_video=True,
            facts=(Facts("asks the proposer on the key frames"),),
        ),
    },
)

MASK_MAKERS: Table[MaskMaker] = Table(
    "mask maker",
    "make_masks",
    {
        "sam2": Kind(
            _sam_masks,
            _WEIGHTS,
            published=partial(hub_weights, kind="sam2"),
            facts=_of_transformers(
                "masks of boxes and points that are given", "facebook/sam2.1-hiera-tiny"
            ),
        ),
        "grabcut": Kind(
            _grabcut,
            facts=(
                Facts(
                    "masks of boxes that are given, by colour",
                    code="Apache-2.0 (OpenCV's GrabCut)",
                    tested="hand-made cases and real clips",
                ),
            ),
        ),
    },
    own=False,
)

TABLES: Mapping[str, Table[Any]] = {
    table.role: table for table in (PROPOSERS, PROPAGATORS, SCORERS, MASK_MAKERS)
}
"""The tables by role."""


def published_weights(names: Mapping[str, str]) -> list[PublishedWeights]:
    """Return the weights that named components download, each once.

    Args:
        names: of components, by role.

    Raises:
        InputError: an unknown name.
    """
    found = [TABLES[role].published(name) for role, name in names.items()]
    return list({each.name: each for each in found if each is not None}.values())


def weights_of_presets() -> dict[str, list[PublishedWeights]]:
    """Return what the presets of the package download, by preset; those without any left out."""
    found = {}
    for name in preset_names():
        components = load_preset(name).components
        roles = {
            role: str(getattr(components, role)) for role in TABLES if hasattr(components, role)
        }
        if weights := published_weights(roles):
            found[name] = weights
    return found


def announced() -> list[str]:
    """Return the names of the components that other packages announce."""
    return sorted({entry.name for entry in _entry_points()})


def _entry_points() -> EntryPoints:
    """Return the components that other packages announce."""
    return entry_points(group=ENTRY_POINTS)


def _findable(module: str) -> bool:
    """Tell whether a module can be imported, from the working folder too."""
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


def _imported(name: str, load: Callable[[], Any]) -> Any:
    """Return what is imported, or raise InputError with the reason why it is not."""
    try:
        return load()
    except (ImportError, AttributeError) as error:
        raise InputError(f"'{name}' cannot be imported: {error}") from error
