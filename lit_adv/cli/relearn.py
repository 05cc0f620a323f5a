"""`lit-adv relearn`: what networks learn from perturbations alone."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lit_adv.cli.options import add_trust, named_path, option_parser, underscored
from lit_adv.errors import InputError

INPUTS: Final = {"image": "image + δ", "delta": "δ alone", "noise": "noise + δ"}
"""What networks are trained on, and how the table calls it."""


def relearn(words: Sequence[str]) -> None:
    """Runs `lit-adv relearn` with the words after it; errors as those of `trainers.relearn.relearn`."""
    parser = option_parser(
        "lit-adv relearn",
        "Trains fresh networks on perturbations, with their targets as labels, and tests them on clean images. "
        "Controls: perturbations dealt to other images, and clean images. Networks that are there already stay.",
    )
    parser.add_argument("sets", nargs="+", type=named_path, help="folders of targeted sets of training images")
    parser.add_argument("--out", required=True, type=named_path, help="folder of the networks and of relearn.json")
    parser.add_argument(
        "--inputs", nargs="+", choices=tuple(INPUTS), default=list(INPUTS), help="what δ is added to (default: all)"
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=str,
        default=[],
        metavar="MxN",
        help="models and copies of the averages, of sets with growth (default: 1x1, all models x 1, all)",
    )
    parser.add_argument(
        "--scale",
        choices=("norm", "sign", "own"),
        default="norm",
        help="size of δ: the L2 norm of ±ε, ε·sign(δ), or as it is (default: norm)",
    )
    parser.add_argument("--epsilon", type=float | None, help="ε (default: the data set's)")
    parser.add_argument("--zoo", type=named_path, help="networks like its first model (default: as mnist-zoo)")
    parser.add_argument(
        "--own", nargs="+", default=[], type=named_path, metavar="SET",
        help="untargeted sets of some of the images, one for each set: their −δ, for the images' own classes, takes "
        "the place, since a target is never the own class",
    )  # fmt: skip
    recipe = parser.add_argument_group("their training, in place of the recipe's, where they do not fit (see fitted)")
    recipe.add_argument("--epochs", type=int, help="passes over the images")
    recipe.add_argument("--optimizer", choices=("sgd", "adam"), help="sgd or adam")
    recipe.add_argument("--learning_rate", type=float, help="peak of the one-cycle schedule; 0.001 suits Adam")
    recipe.add_argument("--weight_decay", type=float, help="weight decay, which may be too strong for perturbations")
    parser.add_argument("--count", type=int, default=3, help="networks for each row (3)")
    parser.add_argument("--seed", type=int, default=0, help="of networks, noise and shuffling (0)")
    parser.add_argument("--processes", type=int | None, help="networks that train side by side (default: one a core)")
    parser.add_argument("--root", type=named_path, help="folder of the clean images, where these are files")
    add_trust(parser)
    chosen = parser.parse_args(underscored(words))
    sizes = [_size(word) for word in chosen.sizes]
    if chosen.epsilon is not None and not 0 < chosen.epsilon <= 1:
        raise InputError(f"--epsilon is {chosen.epsilon:g}; it must be above 0, and at most 1")
    from dataclasses import replace

    from lit_adv.perturbations.perturbation_set import PerturbationSet
    from trainers.lessons import Lesson
    from trainers.relearn import Learner
    from trainers.relearn import relearn as learn

    data = PerturbationSet.load(chosen.sets[0]).data_set
    lessons = [
        Lesson(input=name, scale=chosen.scale, epsilon=chosen.epsilon or data.epsilon, seed=chosen.seed)
        for name in chosen.inputs
    ]
    names = ("epochs", "optimizer", "learning_rate", "weight_decay")
    changes = {name: value for name in names if (value := getattr(chosen, name)) is not None}
    learner = Learner.of(chosen.zoo, data.name, chosen.count, chosen.seed, chosen.trust, changes)
    learner = replace(learner, processes=chosen.processes)
    print(markdown(learn(chosen.sets, chosen.out, lessons, learner, sizes, chosen.root, chosen.own)))


def _size(word: str) -> tuple[int, int]:
    if not (found := re.fullmatch(r"(\d+)x(\d+)", word)):
        raise InputError(f"a size is {word!r}; it must be models x copies, such as 10x5")
    return int(found[1]), int(found[2])


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the table: shares of clean test images, and gains since the first size, in % with 95 % intervals."""
    lines = [
        "| set | m × n | trained on | fitted, % | right, % | gain | adapted, % | gain |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        size = f"{row['models']} × {row['copies']}" if "models" in row else ""
        trained = INPUTS.get(row.get("input", ""), "clean images") + (", shuffled" * (row["control"] == "shuffled"))
        gains = ("right", "right_gain", "adapted", "adapted_gain")
        cells = [f"{100 * row['fitted']:.0f}", *(_interval(row.get(name), name.endswith("gain")) for name in gains)]
        lines.append(f"| {' | '.join([row['name'], size, trained, *cells])} |")
    return "\n".join(lines)


def _interval(values: Sequence[float] | None, signed: bool) -> str:
    if values is None:
        return ""
    value, low, high = (100 * one for one in values)
    return f"{value:+.1f} [{low:+.0f}, {high:+.0f}]" if signed else f"{value:.1f} [{low:.0f}, {high:.0f}]"
