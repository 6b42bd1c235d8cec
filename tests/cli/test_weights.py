"""``propose-reduce weights``: what there is, where it lies, and fetching it, without a network."""

import hashlib
from types import SimpleNamespace

import pytest
from command_line import type_command

from propose_reduce.components import published_weights
from propose_reduce.components.published_weights import HubWeights, TorchvisionWeights

CONTENT = b"weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A file that torchvision publishes, on this disk; nothing is downloaded yet."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    source = tmp_path / f"net-{DIGEST[:8]}.pth"
    source.write_bytes(CONTENT)
    weights = TorchvisionWeights(source.name, "torchvision:net:", 1, "free", source.as_uri())
    found = {"small": [weights]}
    monkeypatch.setattr("propose_reduce.components.registry.weights_of_presets", lambda: found)
    return weights


def test_what_is_bundled_and_what_presets_download_is_listed():
    told = type_command("weights", "list").stdout
    for said in ("real-tiny", "shapes-tiny", "11 MB", "coco_sam2", "3400 MB", "Apache-2.0"):
        assert said in told


def test_where_they_lie_is_said_with_their_checksums(published):
    bundled, *_, last = type_command("weights", "where").stdout.splitlines()
    assert bundled.startswith("real-tiny: ")
    assert len(bundled.rpartition("SHA-256 ")[2]) == 64
    assert last == f"{published.name}: to be downloaded: {published.folder}, SHA-256 {DIGEST[:8]}"


def test_a_file_is_fetched_checked_and_then_known(published):
    answer = type_command("weights", "fetch", "small")
    assert answer.exit_code == 0, answer.stderr
    path = published.folder / published.name
    assert path.read_bytes() == CONTENT
    assert f"{published.name}: whole -> {path}" in answer.stdout
    assert "downloaded, checking it" in type_command("weights", "fetch", published.name).stdout
    path.write_bytes(b"weight")
    answer = type_command("weights", "fetch", "small")
    assert (answer.exit_code, answer.stderr.count("\n")) == (2, 1)
    assert "is damaged: remove it" in answer.stderr


def test_a_file_fetched_elsewhere_is_named_by_its_path(published, tmp_path):
    told = type_command("weights", "fetch", "small", "--to", tmp_path / "new").stdout
    path = tmp_path / "new" / published.name
    assert told.splitlines()[-1] == f"name it so: 'torchvision:net:{path}'"
    assert path.is_file()
    assert not published.held


def test_what_is_not_the_published_file_leaves_nothing(published, tmp_path):
    (tmp_path / published.name).write_bytes(b"other")
    answer = type_command("weights", "fetch", "small")
    assert (answer.exit_code, "cannot be fetched: invalid hash" in answer.stderr) == (2, True)
    assert list(published.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smal", "did you mean 'small'"),
        ("real-tiny", "is in the package"),
        ("davis_r101", "the preset 'davis_r101' downloads nothing"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(published, name, message):
    answer = type_command("weights", "fetch", name)
    assert (answer.exit_code, answer.stderr.count("\n")) == (2, 1)
    assert message in answer.stderr


def test_a_model_of_the_hub_is_fetched_without_what_it_does_not_need(tmp_path, monkeypatch):
    asked = []

    def download(name, file, local_dir):
        asked.append(file)
        local_dir.mkdir(exist_ok=True)
        (local_dir / file).write_bytes(CONTENT)
        return str(local_dir / file)

    def listed(digest):
        files = {"config.json": None, "model.safetensors": SimpleNamespace(sha256=digest)}
        files |= {"model.pt": None, "onnx/config.json": None}
        siblings = [SimpleNamespace(rfilename=n, lfs=lfs) for n, lfs in files.items()]
        api = SimpleNamespace(model_info=lambda *_, **__: SimpleNamespace(siblings=siblings))
        return SimpleNamespace(
            hf_api=SimpleNamespace(HfApi=lambda: api),
            file_download=SimpleNamespace(hf_hub_download=download),
        )

    weights = HubWeights("some/net", "sam2:", None, "free")
    monkeypatch.setattr(published_weights, "_hub", lambda: listed(DIGEST))
    assert weights.fetch(tmp_path) == tmp_path / "net"
    assert asked == ["config.json", "model.safetensors"]
    monkeypatch.setattr(published_weights, "_hub", lambda: listed("0" * 64))
    with pytest.raises(published_weights.InputError, match=r"model\.safetensors' is damaged"):
        weights.fetch(tmp_path)
