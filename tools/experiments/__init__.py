"""What `make results` records: one module a section, with its EXPERIMENTS by name."""

import importlib
import itertools
import pkgutil
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Experiment(NamedTuple):
    """Configurations that are trained in the same way, each once per seed."""

    configurations: list  # dictionaries, each with its learning rate "lr"
    build: Callable  # configuration → untrained network
    data: dict  # arguments of `load_images`
    training: dict  # arguments of `train`, the epochs among them
    measure: Callable | None = None  # (model, data) → further test measurements, a dict
    prepare: Callable | None = None  # data set → the data set that is trained on
    seeds: Sequence = range(5)


def grid(**choices):
    """All combinations of the given lists, as dictionaries."""
    keys, values = choices.keys(), itertools.product(*choices.values())
    return [dict(zip(keys, combination)) for combination in values]


EXPERIMENTS = {}
for _module in pkgutil.iter_modules(__path__):
    EXPERIMENTS |= importlib.import_module(f"{__name__}.{_module.name}").EXPERIMENTS
