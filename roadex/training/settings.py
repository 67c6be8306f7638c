"""The settings of a training: recipe, file and options, and the model that it starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from roadex.config import TrainConfig
from roadex.config.verbs import TRAIN
from roadex.errors import ConfigError
from roadex.models import create_network
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import model_path, read_metadata
from roadex.training.augment_added import augmentation_by_name
from roadex.training.losses import loss_by_name
from roadex.training.recipes import read_recipe


def read_train_settings(
    *,
    recipe: str | None = None,
    path: Path | None = None,
    assignments: Iterable[str] = (),
    initial: str | Path | None = None,
) -> TrainConfig:
    """Return the settings of recipe, TOML file and ``NAME=VALUE``, each over the one before.

    Parameters
    ----------
    recipe
        Name of a packaged recipe.
    path
        TOML file.
    assignments
        Single settings.
    initial
        Model to start from, by name or file, see :func:`start_from`.

    Raises
    ------
    ConfigError
        If a setting is wrong, or contradicts another one or the initial model.
    ModelError
        If there is no such model.
    """
    layers = TRAIN.layers()
    if recipe is not None:
        layers.add_table(read_recipe(recipe), f"recipe {recipe}")
    if path is not None:
        layers.add_file(path)
    layers.add_assignments(assignments)
    config = layers.build()
    if layers.has("steps") and config.epochs > 0:
        msg = (
            f"{layers.name_of('steps')} has no effect while {layers.name_of('epochs')} is "
            f"{config.epochs}: set epochs=0 to train by steps"
        )
        raise ConfigError(msg)
    if initial is None:
        return config
    return start_from(initial, config, is_given=layers.has, name_of=layers.name_of)


def start_from(
    initial: str | Path,
    config: TrainConfig,
    *,
    is_given: Callable[[str], bool] | None = None,
    name_of: Callable[[str], str] = str,
) -> TrainConfig:
    """Return the settings with the network, its arguments, scaling and pixel size of a model.

    Another pixel size may be given: networks can be trained on to another one.

    Parameters
    ----------
    initial
        Name or file of the model.
    config
        The settings of the user.
    is_given
        Whether the user gave a setting; None takes those that are not the defaults for given.
    name_of
        What the user called a setting.

    Raises
    ------
    ConfigError
        If a setting that was given contradicts the model.
    ModelError
        If there is no such model.
    """
    metadata, default = read_metadata(model_path(initial)), TrainConfig()

    def was_given(name: str) -> bool:
        if is_given is not None:
            return is_given(name)
        return bool(getattr(config, name) != getattr(default, name))

    if was_given("encoder_weights"):
        msg = f"{name_of('encoder_weights')} has no effect: {initial} has weights of its own"
        raise ConfigError(msg)
    values = _inherited(metadata)
    for name, value in values.items():
        if was_given(name) and getattr(config, name) != value:
            msg = (
                f"{name_of(name)} is {getattr(config, name)!r}, but the initial model {initial} "
                f"has {value!r}: leave the setting out, or train without an initial model"
            )
            raise ConfigError(msg)
    if not was_given("gsd_m"):
        values["gsd_m"] = metadata.gsd_m
    return replace(config, **values)


def _inherited(metadata: ModelMetadata) -> dict[str, Any]:
    """Return the settings that a model decides."""
    values: dict[str, Any] = {
        "network": metadata.network,
        "arguments": dict(metadata.arguments),
        "bands": tuple(metadata.bands),
    }
    (scale, *_), (offset, *_) = metadata.scale, metadata.offset
    is_uniform = len(set(metadata.scale)) == len(set(metadata.offset)) == 1
    if is_uniform and abs(scale * 255 + 2 * offset) < 1e-6:  # the only kind the setting describes
        values["input_range"] = -offset
    return values


def check_network(config: TrainConfig) -> None:
    """See that loss, augmentations and network can be built, before hours are spent.

    Raises
    ------
    ConfigError
        If there is no such loss or augmentation, or the network does not take its arguments.
    ExtensionError
        If one of them is of an extension that cannot be used.
    ModelError
        If there is no such network or argument, or encoder weights do not fit.
    """
    loss_by_name(config.loss)
    for name in config.augment.add or ():
        augmentation_by_name(name)
    arguments = dict(config.arguments)
    if config.encoder_weights is not None:
        arguments["encoder_weights"] = config.encoder_weights
    try:
        create_network(config.network, in_channels=len(config.bands), **arguments)
    except (TypeError, ValueError, KeyError, RuntimeError) as error:
        msg = f"network {config.network} cannot be built with {arguments}: {error}"
        raise ConfigError(msg) from error
