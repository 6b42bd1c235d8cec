"""Components of other packages: by entry point, and as ``module:Class``."""

import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from propose_reduce.api.components import ChosenComponents
from propose_reduce.components import registry
from propose_reduce.components.registry import PROPAGATORS, PROPOSERS, SCORERS, Request
from propose_reduce.errors import InputError
from propose_reduce.settings import Preset

MODULE = """
class Lamps:
    categories = ("lamp",)
    def __init__(self, source="none", *, prompts=(), min_score=0.5):
        self.source, self.prompts = source, prompts
    def propose(self, clip, frame): ...

class Still:
    def propagate(self, clip, seeds): ...

class OfOneVideo:
    def __init__(self, *, video): self.video = video
    def score(self, clip, frame, masks, origins): ...

NOTHING = 3
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    """Put a module of someone else's into the working folder."""
    (tmp_path / "elsewhere.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])  # the registry adds the working folder
    yield
    sys.modules.pop("elsewhere", None)


def test_a_class_of_the_working_folder_is_made():
    lamps = PROPOSERS.build("elsewhere:Lamps", Request())
    assert (type(lamps).__name__, lamps.source) == ("Lamps", "none")
    assert type(PROPAGATORS.build("elsewhere:Still", Request())).__name__ == "Still"


def test_what_follows_the_class_is_given_to_it_and_so_is_what_it_has_arguments_for():
    lamps = PROPOSERS.build("elsewhere:Lamps:a:b", Request(prompts=("lamp",)))
    assert (lamps.source, lamps.prompts) == ("a:b", ("lamp",))
    kind = SCORERS.kind("elsewhere:OfOneVideo")
    assert kind.per_video
    assert SCORERS.build("elsewhere:OfOneVideo", Request(video="walk")).video == "walk"


def test_an_entry_point_gives_a_name_to_a_class(monkeypatch):
    point = EntryPoint("lamps", "elsewhere:Lamps", registry.ENTRY_POINTS)
    monkeypatch.syspath_prepend(".")  # as if it were installed
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints([point]))
    assert PROPOSERS.build("lamps", Request()).source == "none"
    assert PROPOSERS.build("lamps:bright", Request()).source == "bright"
    assert "lamps" in PROPOSERS.forms


@pytest.mark.parametrize(
    ("table", "name", "message"),
    [
        (PROPOSERS, "elsewhere:Lamp", "'elsewhere:Lamp' cannot be imported: .*no attribute 'Lamp'"),
        (
            PROPOSERS,
            "elsewhere:Still",
            r"'elsewhere:Still' \(Still\) is not a proposer: .* 'propose'",
        ),
        (PROPOSERS, "elsewhere:NOTHING", "'elsewhere:NOTHING' is not a class"),
        (PROPOSERS, "elsewere:Lamps", "unknown proposer 'elsewere:Lamps': known: seq-mask-rcnn"),
        (PROPOSERS, "else where", "unknown proposer 'else where'"),
        (PROPAGATORS, "elsewhere:Still:x", "cannot be made: too many positional arguments"),
        (PROPAGATORS, "..elsewhere:Still", "unknown propagator"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(table, name, message):
    with pytest.raises(InputError, match=message) as caught:
        table.build(name, Request())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["elsewhere:Lamps", "os:system:touch ran", "elsewhere", "os:x"])
def test_a_preset_that_names_code_to_import_is_refused_unless_the_user_names_it(tmp_path, name):
    (tmp_path / "elsewhere.py").write_text("open('ran', 'w')\n")
    components = {"proposer": name, "propagator": "flow", "scorer": "key-frame"}
    preset = Preset.model_validate({"components": components})
    with pytest.raises(InputError, match="a class of one's own is named on the command line"):
        ChosenComponents.of(preset, None, None, None)
    assert not (tmp_path / "ran").exists()
    assert ChosenComponents.of(preset, "elsewhere:Lamps", None, None).proposer == "elsewhere:Lamps"


def test_a_preset_may_name_what_a_package_announces(monkeypatch):
    point = EntryPoint("lamps", "elsewhere:Lamps", registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints([point]))
    preset = Preset.model_validate({"components": {"proposer": "lamps:bright"}})
    assert ChosenComponents.of(preset, None, None, None).proposer == "lamps:bright"
