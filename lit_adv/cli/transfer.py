"""`lit-adv transfer`: how sets fool models that had no part in them, as a table."""

from collections.abc import Sequence

from lit_adv.cli.options import add_scale, add_trust, named_path, option_parser
from lit_adv.errors import InputError


def transfer(words: Sequence[str]) -> None:
    """Runs `lit-adv transfer` with the words after it.

    Raises:
        InputError: a set is missing or of other images than the first, or the zoo has no model that none attacked.
    """
    parser = option_parser(
        "lit-adv transfer",
        "Compares how perturbation sets of the same images fool models that had no part in them, at one ε.",
    )
    parser.add_argument("sets", nargs="+", type=named_path, help="folders of sets; each is compared with the first")
    parser.add_argument("--zoo", required=True, type=named_path, help="zoo whose test models judge")
    parser.add_argument("--out", required=True, type=named_path, help="folder for transfer.md, .tex, .csv and .png")
    add_scale(parser)
    add_trust(parser)
    chosen = parser.parse_args(words)
    import torch

    from lit_adv.evaluation.crossing import judges_of_all
    from lit_adv.evaluation.transfer import transfer as judged
    from lit_adv.figures.transfer import write_transfer
    from lit_adv.files import check_writable
    from lit_adv.perturbations.perturbation_set import PerturbationSet
    from lit_adv.zoo.zoo import Zoo

    if len(set(chosen.sets)) < len(chosen.sets):
        raise InputError("a set is given twice; give each once")
    loaded = [PerturbationSet.load(folder) for folder in chosen.sets]
    for folder, one in zip(chosen.sets, loaded, strict=True):
        if not torch.equal(one.image, loaded[0].image):
            raise InputError(f"{folder} and {chosen.sets[0]} are of different images; a table needs the same ones")
    judges = judges_of_all(Zoo.open(chosen.zoo, chosen.trust), loaded)
    check_writable(chosen.out)
    rows = [judged(one, judges, chosen.scale, chosen.epsilon) for one in loaded]
    names = [one.name for one in loaded]
    if len(set(names)) < len(names):
        names = [f"{one.name} ({folder})" for folder, one in zip(chosen.sets, loaded, strict=True)]
    write_transfer(rows, names, chosen.out).print()
    print(f"{chosen.out / 'transfer.md'}, .tex, .csv, .png")
