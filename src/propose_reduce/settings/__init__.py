"""Every setting, with its text, default and range; presets; overrides.

A preset is one YAML file with the sections ``model`` (what the weights file carries),
``inference``, ``components`` and ``training``, a file here for each; it names only what differs
from the defaults, or from the preset that it extends. The defaults are the paper's ResNet-50 model
for YouTube-VIS (supplementary, section 4).
"""

from propose_reduce.settings.base import Settings as Settings
from propose_reduce.settings.inference import ComponentSettings as ComponentSettings
from propose_reduce.settings.inference import InferenceSettings as InferenceSettings
from propose_reduce.settings.inference import LinkSettings as LinkSettings
from propose_reduce.settings.inference import PropagateSettings as PropagateSettings
from propose_reduce.settings.inference import ProposeSettings as ProposeSettings
from propose_reduce.settings.inference import ReduceSettings as ReduceSettings
from propose_reduce.settings.inference import ScoreSettings as ScoreSettings
from propose_reduce.settings.inference import WindowSettings as WindowSettings
from propose_reduce.settings.model import ModelSettings as ModelSettings
from propose_reduce.settings.model import category_set as category_set
from propose_reduce.settings.presets import Preset as Preset
from propose_reduce.settings.presets import load_preset as load_preset
from propose_reduce.settings.presets import override as override
from propose_reduce.settings.presets import preset_names as preset_names
from propose_reduce.settings.presets import validate as validate
from propose_reduce.settings.training import SourceSettings as SourceSettings
from propose_reduce.settings.training import StageSettings as StageSettings
from propose_reduce.settings.training import TrainingSettings as TrainingSettings
from propose_reduce.settings.training import ValidationSettings as ValidationSettings
