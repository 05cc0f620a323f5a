"""`lit-adv fit`: trains a zoo with Lightning's own configuration."""

import json
from collections.abc import Sequence
from importlib import import_module

from lit_adv.cli.options import add_trust, named_path, option_parser, underscored
from lit_adv.configs import TRAINING_DATA, expand


def fit(words: Sequence[str]) -> None:
    """Runs `lit-adv fit` with the words after it; errors as those of `trainers.fit.fit`."""
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
    parser.add_argument("--out", required=True, type=lambda word: str(named_path(word)), help="folder of the zoo")
    added = parser.add_function_arguments(train, skip={"data", "model", "trainer", "out", "trust"})
    add_trust(parser)
    parser.add_subclass_arguments(TrainingData, "data", required=True)
    parser.add_class_arguments(ModelSettings, "model")
    add_trainer_options(parser)
    chosen = parser.parse_args(underscored(expand(words, TRAINING_DATA)))
    trainer = json.loads(parser.dump(chosen, format="json"))["trainer"]  # classes as their paths, for other processes
    made = parser.instantiate_classes(chosen)
    options = {name: made[name] for name in added}
    say_accuracy(train(made.data, made.model, trainer, named_path(made.out), trust=made.trust, **options))
