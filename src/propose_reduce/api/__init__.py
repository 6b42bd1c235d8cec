"""What users call: ``load`` a model, ``segment`` a video."""

from propose_reduce.api.model import Model, load
from propose_reduce.api.outputs import Annotations, Outputs
from propose_reduce.api.predicting import Demo, VideoOutcome, demo, plan, predict, raise_failures
from propose_reduce.api.segmenter import Segmenter, given_objects, prepare, segment
from propose_reduce.components.given_prompts import read_box, read_point
from propose_reduce.settings.options import Options

__all__ = [
    "Annotations",
    "Demo",
    "Model",
    "Options",
    "Outputs",
    "Segmenter",
    "VideoOutcome",
    "demo",
    "given_objects",
    "load",
    "plan",
    "predict",
    "prepare",
    "raise_failures",
    "read_box",
    "read_point",
    "segment",
]
