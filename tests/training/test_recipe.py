import signal

import cv2
import pytest
import torch
from training_runs import network, preset, preset_file, same_weights
from videosets import write_youtube_vis, youtube_vis_data

from propose_reduce.errors import DivergedError, InputError
from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN
from propose_reduce.models.weights import load_weights, save_weights
from propose_reduce.settings import load_preset
from propose_reduce.settings.training import SourceSettings
from propose_reduce.training import callbacks, recipe, trainer
from propose_reduce.training.module import TrainingModule
from propose_reduce.training.recipe import Run, train
from propose_reduce.training.sources import with_own_data
from propose_reduce.training.start import start_from


def stop_at(monkeypatch, number):
    """Let a run die, once, on micro-batch ``number``."""
    step = TrainingModule.training_step

    def dying(self, batch, batch_index):
        if batch.number == number:
            raise RuntimeError("the machine went down")
        return step(self, batch, batch_index)

    monkeypatch.setattr(TrainingModule, "training_step", dying)


TWO_STAGES = {"first": {"steps": 2}, "second": {"steps": 4, "schedule": "cosine"}}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Return the weights of a run of two stages that nothing stops."""
    return train(preset(TWO_STAGES, average=0.9), Run(tmp_path_factory.mktemp("unbroken") / "run"))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_that_was_killed_and_resumed_gives_the_same_weights_bit_for_bit(
    tmp_path, monkeypatch, unbroken, workers
):
    chosen = preset(TWO_STAGES, average=0.9, workers=workers)
    with monkeypatch.context() as patch:
        stop_at(patch, 3)  # of the second stage; its last checkpoint is that of step 2
        with pytest.raises(RuntimeError, match="went down"):
            train(chosen, Run(tmp_path / "broken"))
    assert not (tmp_path / "broken" / "second" / "weights.safetensors").exists()
    resumed = train(chosen, Run(tmp_path / "broken", resume=True))
    assert same_weights(unbroken, resumed)


def test_a_run_goes_on_with_the_learning_rate_it_is_given(tmp_path, monkeypatch):
    begun = preset({"only": {"steps": 4, "weight_decay": 0.1}}, checkpoint_every=2)
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        with pytest.raises(RuntimeError, match="went down"):
            train(begun, Run(tmp_path / "run"))
    lower = preset({"only": {"steps": 4, "learning_rate": 1e-6}}, checkpoint_every=1)
    train(lower, Run(tmp_path / "run", resume=True))
    log = (tmp_path / "run" / "only" / "logs-2" / "metrics.csv").read_text().splitlines()
    rates = [column for column, name in enumerate(log[0].split(",")) if name.startswith("lr-")]
    shown = {
        float(cells[c])
        for cells in (line.split(",") for line in log[1:])
        for c in rates
        if cells[c]
    }
    assert shown == {1e-6}
    checkpoint = torch.load(tmp_path / "run" / "only" / "last.ckpt", weights_only=False)
    groups = checkpoint["optimizer_states"][0]["param_groups"]
    assert {group["weight_decay"] for group in groups} == {0.0, 1e-4}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"average": 0.5}, "training.average"),
        ({"stages": {"only": {"optimizer": "sgd"}}}, "training.stages.only.optimizer"),
        ({"model": {"mask_layers": 2}}, "model"),
    ],
)
def test_a_resumed_run_refuses_what_its_checkpoint_does_not_fit(tmp_path, changes, name):
    (tmp_path / "run").mkdir()
    preset_file(tmp_path / "run", preset())
    with pytest.raises(InputError, match=f"began with another {name}"):
        train(preset(**changes), Run(tmp_path / "run", resume=True))


def test_the_best_weights_are_those_of_the_whole_run(tmp_path, monkeypatch):
    found = iter([0.2, 0.9, 0.3, 0.4])
    monkeypatch.setattr(callbacks, "judge", lambda *asked: Judged({"AP": next(found)}))
    monkeypatch.setattr(trainer, "validation_videos", lambda *asked: ())
    stages = {"first": {"steps": 2}, "second": {"steps": 2}}
    train(preset(stages, validation={"every": 1}), Run(tmp_path / "run"))
    card = load_weights(tmp_path / "run" / "best.safetensors").card
    assert (card["stage"], card["step"], card["validation"]["AP"]) == ("first", 2, 0.9)
    best = torch.load(tmp_path / "run" / "second" / "best.ckpt", weights_only=False)
    assert best["global_step"] == 2


class Judged:
    """What is left of a judgement in these tests."""

    def __init__(self, scores):
        self.scores = scores


def test_accumulated_batches_count_as_one_step_and_resume_too(tmp_path, monkeypatch):
    chosen = preset({"only": {"steps": 3, "accumulate": 2}}, checkpoint_every=1)
    unbroken = train(chosen, Run(tmp_path / "unbroken"))
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        with pytest.raises(RuntimeError, match="went down"):
            train(chosen, Run(tmp_path / "broken"))
    assert same_weights(unbroken, train(chosen, Run(tmp_path / "broken", resume=True)))


def test_the_result_describes_itself_and_the_logs_name_every_loss(tmp_path, capfd):
    file = train(preset(), Run(tmp_path / "run"))
    shown = " ".join(capfd.readouterr().out.split())
    assert "stage: only loss/total: " in shown
    assert "v_num" not in shown
    loaded = load_weights(file)
    assert loaded.settings == preset().model
    assert loaded.card["step"] == 4
    assert loaded.card["training"]["stages"]["only"]["learning_rate"] == 1e-3
    log = (tmp_path / "run" / "only" / "logs-1" / "metrics.csv").read_text()
    for name in ("loss/class", "loss/propagation", "loss/total", "pairs_per_second", "lr-"):
        assert name in log
    assert list((tmp_path / "run" / "only" / "logs-1").glob("events.out.tfevents*"))


def test_a_run_validates_keeps_the_best_and_draws(tmp_path):
    validation = {"every": 2, "videos": 1}
    chosen = preset({"only": {"steps": 2}}, validation=validation, pictures_every=2)
    run = tmp_path / "run"
    train(chosen, Run(run))
    card = load_weights(run / "best.safetensors").card
    assert card["step"] == 2
    assert 0 <= card["validation"]["AP"] <= 1
    assert (run / "only" / "best.ckpt").is_file()
    picture = cv2.imread(str(run / "only" / "pictures" / "0000002.png"))
    assert picture.shape == (64, 4 * 96, 3)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(
    tmp_path, monkeypatch
):
    forward, calls = SeqMaskRCNN.forward, []

    def breaking(self, batch):
        losses = forward(self, batch)
        calls.append(1)
        if len(calls) == 4:
            losses["mask"] = losses["mask"] * float("nan")
        return losses

    monkeypatch.setattr(SeqMaskRCNN, "forward", breaking)
    run = tmp_path / "run"
    with pytest.raises(
        DivergedError, match=r"step 3 on batch 3 \(shapes\[\d+\]\).*'loss/mask': nan"
    ):
        train(preset(), Run(run))
    assert torch.load(run / "only" / "last.ckpt", weights_only=False)["global_step"] == 2
    assert load_weights(run / "last.safetensors").card["step"] == 2


def test_a_gradient_that_is_not_finite_stops_the_run_too(tmp_path, monkeypatch):
    forward = SeqMaskRCNN.forward

    def breaking(self, batch):
        losses = forward(self, batch)
        # the square root's slope at 0 is infinite, its value is 0
        losses["mask"] = losses["mask"] + (losses["mask"] * 0).sqrt()
        return losses

    monkeypatch.setattr(SeqMaskRCNN, "forward", breaking)
    with pytest.raises(DivergedError, match="gradient norm nan"):
        train(preset(), Run(tmp_path / "run"))


def test_an_own_data_set_trains_with_nothing_but_a_path(tmp_path):
    file, _ = write_youtube_vis(tmp_path)
    chosen = with_own_data(preset({"only": {"steps": None, "epochs": 1}}), file)
    loaded = load_weights(train(chosen, Run(tmp_path / "run")))
    assert loaded.settings.categories == ("cat", "dog")
    assert loaded.card["step"] == 3  # three frames show an object, one pair a step


def test_faulty_data_is_refused_before_the_first_step_with_the_whole_list(tmp_path):
    data = youtube_vis_data()
    data["annotations"][0]["category_id"] = 4
    file, images = write_youtube_vis(tmp_path, data)
    (images / "a" / "00001.jpg").write_bytes(b"no image")
    source = SourceSettings(annotations=str(file))
    chosen = preset(sources={"own": source.model_dump()}, model={"categories": ["cat", "dog"]})
    reports = []
    with pytest.raises(InputError, match="has 2 faults: correct what is listed"):
        train(chosen, Run(tmp_path / "run"), tell=reports.append)
    assert [fault.place for fault in reports[0].faults] == [
        "annotations[0].category_id",
        "a, frame 1",
    ]
    assert not (tmp_path / "run").exists()


def test_a_folder_in_use_and_a_run_that_is_none_are_refused(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        train(preset(), Run(tmp_path))
    with pytest.raises(InputError, match="no run to resume"):
        train(preset(), Run(tmp_path / "none", resume=True))


def weights(folder, chosen):
    built = network(chosen)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.fill_(0.5)
    save_weights(folder / "start.safetensors", built, chosen.model, chosen.inference, {})
    return folder / "start.safetensors"


def test_weights_of_other_categories_give_all_but_the_rows_of_theirs(tmp_path):
    file = weights(tmp_path, preset())
    chosen = preset(model={"categories": ["cat", "dog"]})
    started = network(chosen)
    start_from(started, chosen.model, file)
    assert (started.prop_head.decoder.predict.weight == 0.5).all()
    assert not (started.detector.box_head.predictor.cls_score.weight == 0.5).any()
    same = network(preset())
    start_from(same, preset().model, file)
    assert all((parameter == 0.5).all() for parameter in same.parameters())


def test_weights_of_another_network_are_refused(tmp_path):
    chosen = preset(model={"propagation_channels": 4})
    with pytest.raises(InputError, match=r"start\.safetensors.*must be"):
        start_from(network(chosen), chosen.model, weights(tmp_path, preset()))


def test_shapes_need_their_categories(tmp_path):
    with pytest.raises(InputError, match=r"model\.categories=shapes"):
        train(preset(model={"categories": ["cat"]}), Run(tmp_path / "run"))


@pytest.mark.parametrize(
    ("chosen", "options"),
    [
        (preset(init="none.safetensors"), {}),
        (preset(model={"categories": ["cat"]}), {}),
        (preset(), {"batch_size": "auto"}),
    ],
    ids=["init", "categories", "batch size"],
)
def test_a_mistake_found_before_the_first_step_leaves_no_folder_behind(
    tmp_path, monkeypatch, chosen, options
):
    monkeypatch.setattr("propose_reduce.training.trainer.has_cuda", lambda: False)
    with pytest.raises(InputError):
        train(chosen, Run(tmp_path / "run", **options))
    assert not (tmp_path / "run").exists()


def test_the_largest_batch_size_is_searched_once_and_kept(tmp_path, monkeypatch):
    found = iter([2, 3])
    monkeypatch.setattr(recipe, "largest_batch_size", lambda *trial: next(found))
    chosen = preset({"first": {"steps": 1}, "second": {"steps": 1}})
    train(chosen, Run(tmp_path / "run", batch_size="auto"))
    stages = load_preset(tmp_path / "run" / "preset.yaml").training.stages
    assert [stage.batch_size for stage in stages.values()] == [2, 3]
    asked = Run(tmp_path / "run", batch_size="auto", resume=True)
    assert recipe._with_batch_sizes(chosen, network(chosen), asked).training.stages == stages
    monkeypatch.setenv("LOCAL_RANK", "1")  # as Lightning starts the second process
    asked = Run(tmp_path / "run", batch_size="auto")
    assert recipe._with_batch_sizes(chosen, network(chosen), asked).training.stages == stages


def test_torchrun_and_a_search_do_not_go_together(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="or --devices N in place of torchrun"):
        train(preset(), Run(tmp_path / "run", batch_size="auto"))


def test_a_model_of_other_categories_is_not_judged_on_shapes(tmp_path):
    file, _ = write_youtube_vis(tmp_path)
    own = with_own_data(preset(validation={"every": 1}), file)
    with pytest.raises(InputError, match=r"set training\.validation\.kind=annotated"):
        train(own, Run(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_weights_that_cannot_be_written_stop_the_run_before_the_checkpoint(tmp_path):
    chosen = preset({"only": {"steps": 2, "learning_rate": 1e30}}, checkpoint_every=1)
    with pytest.raises(DivergedError, match=r"diverged at step 1: 'backbone.* is beyond half"):
        train(chosen, Run(tmp_path / "run"))
    assert not (tmp_path / "run" / "only" / "last.ckpt").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_a_run_that_can_be_resumed(tmp_path, monkeypatch, unbroken, number):
    chosen = preset(TWO_STAGES, average=0.9, checkpoint_every=1)
    step = TrainingModule.training_step
    # a shell starts what runs in its background with the signal ignored, this test too
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        signal.SIGTERM: signal.signal(signal.SIGTERM, signal.SIG_DFL),
    }

    def interrupted(self, batch, batch_index):
        if batch.number == 2:
            signal.raise_signal(number)
        return step(self, batch, batch_index)

    try:
        with monkeypatch.context() as patch:
            patch.setattr(TrainingModule, "training_step", interrupted)
            with pytest.raises((KeyboardInterrupt, SystemExit)) as stopped:
                train(chosen, Run(tmp_path / "broken"))
        code = getattr(stopped.value, "code", None)
        assert code == (None if number == signal.SIGINT else 128 + number)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert same_weights(unbroken, train(chosen, Run(tmp_path / "broken", resume=True)))


@pytest.mark.parametrize(("fast", "taken"), [(True, "bfloat16"), (False, "float32")])
def test_a_run_takes_the_precision_of_the_hardware_and_keeps_it(tmp_path, monkeypatch, fast, taken):
    chosen = preset(precision="auto")
    monkeypatch.setattr("propose_reduce.training.recipe.fast_bfloat16", lambda device: fast)
    train(chosen, Run(tmp_path / "run"))
    assert load_preset(tmp_path / "run" / "preset.yaml").training.precision == taken
    monkeypatch.setattr("propose_reduce.training.recipe.fast_bfloat16", lambda device: not fast)
    (tmp_path / "run" / "only" / "weights.safetensors").unlink()  # the last steps are to be done
    train(chosen, Run(tmp_path / "run", resume=True))
    assert load_preset(tmp_path / "run" / "preset.yaml").training.precision == taken


def test_a_stage_shorter_than_the_logging_interval_is_logged(tmp_path):
    train(preset({"only": {"steps": 2}}, log_every=20), Run(tmp_path / "run"))
    log = tmp_path / "run" / "only" / "logs-1" / "metrics.csv"
    assert "loss/total" in log.read_text()
