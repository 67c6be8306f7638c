"""What steers a training: schedules, parts of batches, early stop, epochs, logs."""

import dataclasses
import io
import re
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image

from roadex.config import AugmentConfig, TrainConfig
from roadex.errors import ConfigError, TrainingError
from roadex.models.scaling import Scaling
from roadex.progress import LogDisplay
from roadex.training.batches import PartIndices
from roadex.training.checkpoint import TrainingState
from roadex.training.datasets import find_labelled_scenes
from roadex.training.datasets.chip_windows import EveryWindow, WeightedScenes
from roadex.training.divergence import check_divergence
from roadex.training.logs import CsvLog, TensorBoardLog
from roadex.training.loop import train
from roadex.training.monitor import Monitor
from roadex.training.processes import Group
from roadex.training.schedules import Decision, DivideBy5, steps_of_epoch, with_steps

CONFIG = TrainConfig.from_dict(
    {
        "arguments": {"encoder": "tu-mobilenetv3_small_050", "bottleneck": 32, "head_width": 8},
        "steps": 4,
        "batch_size": 4,
        "chip_size": 64,
        "evaluate_every": 1,
        "loader_processes": 0,
    }
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Return two scenes of 128 x 160 pixels with a bright road each."""
    folder = tmp_path_factory.mktemp("roads")
    rng = np.random.default_rng(0)
    for part in ("sat", "mask"):
        (folder / part).mkdir()
    for name in ("a", "b"):
        road = np.zeros((128, 160), np.uint8)
        road[60:70] = 1
        image = rng.integers(40, 90, (128, 160, 3)).astype(np.uint8) + 100 * road[..., None]
        Image.fromarray(image).save(folder / "sat" / f"{name}.png")
        Image.fromarray(road).save(folder / "mask" / f"{name}.png")
    return [WeightedScenes(find_labelled_scenes(str(folder)), 1.0)]


def decided(losses, *, steps_per_epoch=1, rate=2e-4):
    schedule = DivideBy5(TrainConfig(learning_rate=rate), steps_per_epoch)
    return [(schedule.decide(loss), schedule.rate(0)) for loss in losses]


def test_published_schedule_divides_by_5_after_the_fourth_failure_in_a_row_and_again():
    decisions = decided([1.0, 0.9, 0.9, 0.95, 0.9, 1.0, 1.0, 1.0, 1.0])
    assert [decision.name for decision, _ in decisions] == [
        "IMPROVED", "IMPROVED", "GO_ON", "GO_ON", "GO_ON", "RETURN", "RETURN", "RETURN", "STOP",
    ]  # fmt: skip
    rates = [rate for _, rate in decisions]
    np.testing.assert_allclose(rates[4:8], [2e-4, 4e-5, 8e-6, 1.6e-6])


def test_published_schedule_starts_counting_anew_after_an_improvement():
    decisions = decided([1.0, 1.0, 1.0, 1.0, 0.9, 1.0, 1.0, 1.0, 1.0])
    assert decisions[4][0] is Decision.IMPROVED
    assert [decision for decision, _ in decisions[5:]] == [Decision.GO_ON] * 3 + [Decision.RETURN]


def test_published_schedule_stops_below_its_lowest_rate():
    assert decided([1.0] * 5, rate=4e-7)[-1][0] is Decision.STOP


def test_published_schedule_looks_at_means_of_epochs_and_survives_a_checkpoint():
    schedule = DivideBy5(TrainConfig(), 2)
    assert [schedule.decide(loss) for loss in (3.0, 1.0)] == [Decision.GO_ON, Decision.IMPROVED]
    schedule.decide(1.0)
    again = DivideBy5(TrainConfig(), 2)
    again.load_state_dict(schedule.state_dict())
    assert again.decide(3.0) is Decision.GO_ON  # a mean of 2 is no improvement
    assert again.state_dict()["failures"] == 1


def test_training_returns_to_the_best_weights_and_stops_with_them(sources, tmp_path, monkeypatch):
    config = dataclasses.replace(CONFIG, schedule="divide-by-5", steps=50, ema_decay=0.0)
    decisions = iter(
        [Decision.IMPROVED, Decision.GO_ON, Decision.RETURN, Decision.GO_ON, Decision.STOP]
    )
    monkeypatch.setattr(DivideBy5, "decide", lambda _self, _loss: next(decisions))
    weights = []

    def on_evaluation(_):
        weights.append(states[0].network.segmentation_head.conv3.weight.detach().clone())

    states = []
    state = train(
        sources, config, folder=tmp_path, scaling=Scaling(), on_start=states.append,
        evaluate=lambda _network, _step: {}, on_evaluation=on_evaluation,
    )  # fmt: skip
    assert state.step == 5
    assert not torch.equal(weights[1], weights[0])
    assert torch.equal(weights[2], weights[0])
    assert torch.equal(state.averaged_network.segmentation_head.conv3.weight, weights[0])
    train(sources, config, folder=tmp_path, scaling=Scaling(), on_step=pytest.fail)


def test_training_stops_without_progress_and_keeps_the_best_weights(sources, tmp_path):
    config = dataclasses.replace(CONFIG, steps=50, patience=2)
    ious, seen = iter([0.1, 0.3, 0.2, 0.25, 0.9]), {}

    def evaluate(network, step):
        seen[step] = {name: value.clone() for name, value in network.state_dict().items()}
        return {"iou": next(ious)}

    state = train(sources, config, folder=tmp_path, scaling=Scaling(), evaluate=evaluate)
    assert state.step == 4
    for name, value in state.averaged_network.state_dict().items():
        assert torch.equal(value, seen[2][name])


def test_parts_of_all_processes_make_up_the_batch():
    config = dataclasses.replace(CONFIG, batch_size=8, accumulation=2, steps=3)
    parts = [list(PartIndices(config, Group(rank, 2), first=1)) for rank in (0, 1)]
    assert parts[0] == [[8, 9], [10, 11], [16, 17], [18, 19]]
    assert parts[1] == [[12, 13], [14, 15], [20, 21], [22, 23]]


def test_batch_that_cannot_be_divided_is_said():
    with pytest.raises(ConfigError, match="multiple of 3"):
        PartIndices(CONFIG, Group(0, 3), first=0)


def test_accumulated_gradient_is_that_of_the_whole_batch(sources, tmp_path, monkeypatch):
    """With a loss that is a mean over pixels, and statistics that do not depend on the batch."""
    monkeypatch.setattr(
        "roadex.training.loop.loss_by_name", lambda _: lambda x, t, _: ((x - t) ** 2).mean()
    )
    monkeypatch.setattr(torch.nn.BatchNorm2d, "train", lambda self, _mode=True: self.eval_())
    monkeypatch.setattr(
        torch.nn.BatchNorm2d, "eval_",
        lambda self: setattr(self, "training", False) or self, raising=False,
    )  # fmt: skip
    weights = []
    for accumulation in (1, 4):
        config = dataclasses.replace(CONFIG, accumulation=accumulation, steps=2, ema_decay=0.0)
        folder = tmp_path / str(accumulation)
        folder.mkdir()
        state = train(sources, config, folder=folder, scaling=Scaling())
        weights.append(torch.cat([p.flatten() for p in state.network.parameters()]))
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-3, atol=2e-5)


def cut_places(windows, first, n):
    rng = np.random.default_rng(0)
    cuts = [next(windows.cuts(i, rng)) for i in range(first, first + n)]
    return [(cut.scene.name, cut.window.row_off, cut.window.col_off) for cut in cuts]


def test_epoch_shows_every_window_once_in_another_order_each_time(sources):
    config = dataclasses.replace(
        CONFIG, sampling="epochs", augment=AugmentConfig(scale_jitter=0), batch_size=3
    )
    assert steps_of_epoch(sources, config) == 4  # 2 scenes of 2 x 3 windows
    first, second = (cut_places(EveryWindow(sources, config), 12 * i, 12) for i in (0, 1))
    assert len(set(first)) == 12
    assert set(first) == set(second)
    assert first != second
    assert with_steps(dataclasses.replace(config, epochs=5), sources).steps == 20


def test_epochs_with_shares_or_jitter_are_refused(sources):
    with pytest.raises(ConfigError, match="scale_jitter"):
        dataclasses.replace(CONFIG, sampling="epochs")
    config = dataclasses.replace(
        CONFIG, sampling="epochs", augment=AugmentConfig(scale_jitter=0), batch_size=3
    )
    with pytest.raises(ConfigError, match="share"):
        EveryWindow([*sources, WeightedScenes(sources[0].scenes, 0.5)], config)


def quiet_state(step, **values):
    network = torch.nn.Linear(1, 1)
    return TrainingState(
        network, network, torch.optim.SGD(network.parameters()), None, step, **values
    )


def test_diverging_loss_stops_the_training():
    state = quiet_state(100, smooth_loss=0.5)
    for loss in (0.5, 0.9, 1.5):
        check_divergence(state, loss, CONFIG)
    with pytest.raises(TrainingError, match="diverges: the loss rose from"):
        check_divergence(state, 300.0, CONFIG)


def test_noise_and_the_first_steps_are_no_divergence():
    state = quiet_state(0)
    for step, loss in enumerate(np.random.default_rng(0).uniform(0.1, 2.0, 1000)):
        state.step = step
        check_divergence(state, 40.0 if step < 5 else float(loss), CONFIG)


def test_gradient_that_is_not_finite_stops_the_training(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "roadex.training.loop.loss_by_name", lambda _: lambda logits, *_: (logits * 0).sqrt().sum()
    )
    with pytest.raises(TrainingError, match=r"norm of the gradient is .* at step 0"):
        train(sources, CONFIG, folder=tmp_path, scaling=Scaling())


def test_log_of_a_resumed_run_has_every_step_once(tmp_path):
    log = CsvLog(tmp_path / "steps.csv")
    log.trim(0)
    for step in (20, 40, 60):
        log.write({"step": step, "loss": step / 10})
    log.trim(40)
    for step in (60, 80):
        log.write({"step": step, "loss": 0.0})
    lines = (tmp_path / "steps.csv").read_text().split()
    assert lines == ["step,loss", "20,2.0", "40,4.0", "60,0.0", "80,0.0"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_gets_the_figures(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = TensorBoardLog(tmp_path, step=0)
    for step in (1, 2):
        log.write({"step": step, "loss": 0.5 / step})
    log.close()
    read = events.EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in islice(read.Scalars("loss"), 2)] == [(1, 0.5), (2, 0.25)]


def test_finished_training_shows_as_finished(sources, tmp_path):
    def run():
        shown = io.StringIO()
        monitor = Monitor(
            tmp_path,
            CONFIG,
            scaling=Scaling(),
            validation={"v": sources[0].scenes},
            display=LogDisplay(shown),
        )
        with monitor:
            train(
                sources, CONFIG, folder=tmp_path, scaling=Scaling(), evaluate=monitor.evaluate,
                on_start=monitor.on_start, on_step=monitor.on_step,
                on_evaluation=monitor.on_evaluation,
            )  # fmt: skip
        return shown.getvalue()

    run()
    assert re.search(r"finished: train 4/4 \(100%\), 0:00:\d\d, loss \d\.\d+, IoU \d", run())
    with Image.open(tmp_path / "validation_000004.png") as sheet:
        assert sheet.width > sheet.height > 300
    assert len((tmp_path / "evaluations.csv").read_text().splitlines()) == 5
