"""`lit-adv export`: adversarial examples as PNG files."""

from collections.abc import Sequence

from lit_adv.cli.options import add_scale, add_trust, named_path, option_parser


def export(words: Sequence[str]) -> None:
    """Runs `lit-adv export` with the words after it; errors as those of `lit_adv.evaluation.export.export`."""
    parser = option_parser(
        "lit-adv export",
        "Writes the adversarial examples of a set as PNG files of eight bits, and a table of labels and answers.",
    )
    parser.add_argument("set", type=named_path, help="the folder of a perturbation set")
    parser.add_argument("--png", required=True, type=named_path, metavar="FOLDER", help="folder of the files")
    add_scale(parser)
    parser.add_argument("--zoo", type=named_path, help="zoo whose test models answer; without it, no answers")
    add_trust(parser)
    chosen = parser.parse_args(words)
    from lit_adv.evaluation.crossing import judges_of_all
    from lit_adv.evaluation.export import LABELS, export
    from lit_adv.perturbations.perturbation_set import PerturbationSet
    from lit_adv.zoo.zoo import Zoo

    found = PerturbationSet.load(chosen.set)
    judges = {} if chosen.zoo is None else judges_of_all(Zoo.open(chosen.zoo, chosen.trust), [found])
    right = export(found, chosen.png, chosen.scale, chosen.epsilon, judges)
    for name, (before, after) in right.items():
        print(f"{name}: right about {before:.1%} of them before they are clipped and rounded, {after:.1%} of the files")
    print(f"{len(found.label)} files, {chosen.png / LABELS}")
