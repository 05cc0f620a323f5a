"""`lit-adv fit`: trains a zoo, or a map from images to averages, with Lightning's own configuration."""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import yaml

from lit_adv.cli.options import add_trust, named_path, option_parser, underscored
from lit_adv.configs import TRAINING_DATA, expand


def fit(words: Sequence[str]) -> None:
    """Runs `lit-adv fit` with the words after it; a configuration with `map` trains a map, all others a zoo.

    Errors are those of `trainers.fit.fit` and `trainers.image_map.fit_map`.
    """
    expanded = underscored(expand(words, TRAINING_DATA))
    if any(map(_is_of_map, expanded)):
        _fit_map(expanded)
    else:
        _fit_zoo(expanded)


def _is_of_map(word: str) -> bool:
    """Whether a word names a configuration's file that has settings of a map."""
    if not word.endswith((".yaml", ".yml")) or not Path(word).is_file():
        return False
    content = yaml.safe_load(Path(word).read_text(encoding="utf-8"))
    return isinstance(content, dict) and "map" in content


def _fit_map(words: Sequence[str]) -> None:
    from trainers.image_map import MapSettings, fit_map, say_cosine
    from trainers.lightning_options import add_trainer_options

    parser = option_parser("lit-adv fit", "Trains a map from images to averages; a training that was stopped goes on.")
    parser.add_argument("-c", "--config", action="config", help="a packaged configuration, mnist-map, or a file")
    parser.add_argument("--set", required=True, type=_path_word, help="the folder of a perturbation set, untargeted")
    parser.add_argument("--test", type=_path_word, help="of one of other images, to measure the cosine on")
    parser.add_argument("--out", required=True, type=_path_word, help="folder of map.safetensors and map.json")
    parser.add_argument("--seed", type=int, default=0, help="of the first weights and the order of the images (0)")
    parser.add_class_arguments(MapSettings, "map")
    add_trainer_options(parser)
    chosen = parser.parse_args(words)
    trainer = json.loads(parser.dump(chosen, format="json"))["trainer"]
    made = parser.instantiate_classes(chosen)
    test = None if made.test is None else named_path(made.test)
    say_cosine(fit_map(made.map, named_path(made.set), named_path(made.out), trainer, test, made.seed))


def _path_word(word: str) -> str:
    return str(named_path(word))  # text, which --print_config can write


def _fit_zoo(words: Sequence[str]) -> None:
    from datamodules.labelled import TrainingData
    from trainers.fit import ModelSettings, say_accuracy
    from trainers.fit import fit as train
    from trainers.lightning_options import add_trainer_options

    for path in TRAINING_DATA.values():
        import_module(path.rpartition(".")[0])  # a class is known by its name alone once it is there
    parser = option_parser(
        "lit-adv fit",
        "Trains source models, a zoo of one or many. Models that are there already stay; a training that was stopped "
        "goes on.",
    )
    parser.add_argument("-c", "--config", action="config", help="a packaged configuration such as mnist-zoo, or a file")
    parser.add_argument("--out", required=True, type=_path_word, help="folder of the zoo")
    added = parser.add_function_arguments(train, skip={"data", "model", "trainer", "out", "trust"})
    add_trust(parser)
    parser.add_subclass_arguments(TrainingData, "data", required=True)
    parser.add_class_arguments(ModelSettings, "model")
    add_trainer_options(parser)
    chosen = parser.parse_args(words)
    trainer = json.loads(parser.dump(chosen, format="json"))["trainer"]  # classes as their paths, for other processes
    made = parser.instantiate_classes(chosen)
    options = {name: made[name] for name in added}
    say_accuracy(train(made.data, made.model, trainer, named_path(made.out), trust=made.trust, **options))
