"""`lit-adv robust`: accuracy of a zoo's models under APGD."""

from collections.abc import Sequence

from lit_adv.cli.options import add_trust, named_path, option_parser
from lit_adv.errors import InputError


def robust(words: Sequence[str]) -> None:
    """Runs `lit-adv robust` with the words after it.

    Raises:
        InputError: torchattacks is not installed, the zoo's images are others, or a number is out of range.
    """
    parser = option_parser(
        "lit-adv robust",
        "Measures what accuracy APGD (Croce & Hein 2020) leaves a zoo's models: of the cross entropy, then of the "
        "targeted DLR loss. It needs torchattacks: pip install 'lit-adv[apgd]'.",
    )
    parser.add_argument("zoo", type=named_path, help="zoo folder or file")
    parser.add_argument(
        "--epsilon", type=float, nargs="+", required=True, help="ε, from small to large, in pixel values of [0, 1]"
    )
    parser.add_argument("--models", nargs="+", type=str, metavar="NAME", help="only these models (default: all)")
    parser.add_argument("--steps", type=int, default=100, help="of each attack (100)")
    parser.add_argument("--per_class", type=int, default=10, help="test digits of each class (10)")
    parser.add_argument(
        "--images",
        type=named_path,
        metavar="SET",
        help="images and labels of this perturbation set, in place of digits",
    )
    parser.add_argument("--out", type=named_path, metavar="FILE", help="write the table as Markdown too")
    add_trust(parser)
    chosen = parser.parse_args(words)
    import lit_adv
    from lit_adv.evaluation.apgd import require_torchattacks, robustness_table
    from lit_adv.figures.transfer import markdown
    from lit_adv.files import atomic_path
    from lit_adv.perturbations.perturbation_set import PerturbationSet
    from lit_adv.zoo.zoo import Zoo

    require_torchattacks()
    zoo = Zoo.open(chosen.zoo, chosen.trust)
    specs = zoo.models if chosen.models is None else zoo.named(chosen.models)
    if chosen.images is None:
        images, labels = lit_adv.digits(chosen.per_class)
        data, named = "mnist", "digits; give --images SET"
    else:
        found = PerturbationSet.load(chosen.images)
        images, labels = found.image, found.label
        data, named = found.manifest.data.name, f"the images of {chosen.images}"
    for spec in specs:
        spec.refuse_data(data)
        if spec.image_shape != tuple(images.shape[1:]) or int(labels.max()) >= spec.classes:
            raise InputError(
                f"{spec.name} is for {spec.classes} classes and images {list(spec.image_shape)}, not for {named}"
            )
    table = robustness_table({spec.name: spec.load() for spec in specs}, images, labels, chosen.epsilon, chosen.steps)
    table.print()
    if chosen.out is not None:
        with atomic_path(chosen.out) as temporary:
            temporary.write_text(markdown(table), encoding="utf-8")
