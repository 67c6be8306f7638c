"""Settings of a training: recipes, files, what does not go together."""

import pytest
import torch

from roadex.config import TrainConfig
from roadex.errors import ConfigError
from roadex.models.scaling import Scaling
from roadex.training.job import _scaling
from roadex.training.recipes import read_recipe, recipe_names
from roadex.training.settings import read_train_settings


@pytest.mark.parametrize("name", recipe_names())
def test_recipe_is_complete(name):
    TrainConfig.from_dict(read_recipe(name))


def test_published_recipe_says_what_was_published():
    config = TrainConfig.from_dict(read_recipe("dlinknet-2018"))
    assert (config.optimizer, config.learning_rate, config.weight_decay) == ("adam", 2e-4, 0)
    assert (config.network, config.loss) == ("dlinknet34", "bce-dice")
    assert config.encoder_learning_rate_factor == 1
    scaled = _scaling(config).apply(torch.tensor([0.0, 255.0]).expand(3, 1, 2))
    torch.testing.assert_close(scaled[0, 0], torch.tensor([-1.6, 1.6]))


def test_default_input_range_is_the_scaling_there_always_was():
    assert _scaling(TrainConfig()) == Scaling()


def test_settings_lie_over_the_file_over_the_recipe(tmp_path):
    (tmp_path / "c.toml").write_text("seed = 7\n[augment]\nblur_probability = 0.6\n")
    config = read_train_settings(
        recipe="dlinknet-2018",
        path=tmp_path / "c.toml",
        assignments=["augment.hue_wrap=original", "seed=8"],
    )
    assert (config.seed, config.chip_size) == (8, 1024)
    assert config.augment.style == "published"
    assert config.augment.blur_probability == 0.6
    assert config.augment.hue_wrap == "original"


def test_steps_beside_epochs_are_refused():
    with pytest.raises(ConfigError, match=r"^steps has no effect while epochs in recipe dlinknet"):
        read_train_settings(recipe="dlinknet-2018", assignments=["steps=9"])
    by_steps = read_train_settings(recipe="dlinknet-2018", assignments=["steps=9", "epochs=0"])
    assert (by_steps.steps, by_steps.epochs) == (9, 0)


def test_unknown_recipe_is_said():
    with pytest.raises(ConfigError, match="available: dlinknet-2018, roadex"):
        read_recipe("dlinknet")
