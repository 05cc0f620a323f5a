"""The study with people (4.8.2.2): its page, and its figures once there are answers."""

from collections.abc import Sequence

from lit_adv.figures.gallery import band, picture_rows
from lit_adv.perturbations.perturbation_set import first_of_each_class
from lit_adv.reproduce.made import Made
from lit_adv.reproduce.material import Material
from lit_adv.study.build import build
from lit_adv.study.score import score, tables


def study(material: Material, names: Sequence[str]) -> Made:
    """Builds the page in a folder for this very set, and scores the answers in its `answers/`."""
    [made] = material.all_of(names)
    folder = material.out / f"study-{made.manifest.sha256[:12]}"
    built = build(material.folder(names[0]), folder)
    index = first_of_each_class(made.label)
    pictures = {"gallery": band(picture_rows([made], index))}
    page = f"The page for people is {folder / 'page' / 'index.html'}, with pictures such as these"
    sheets = sorted((folder / "answers").glob("*.json"))
    if not sheets:
        return Made(
            pictures=pictures,
            note=f"{page}; nobody has answered yet. Put the files that it saves into {folder / 'answers'} and make "
            f"this again.",
        )
    figures = score(sheets, folder / "key.json", folder / "figures.json")
    low, high = figures["interval_95"]
    return Made(
        pictures=pictures,
        tables=tables(figures),
        numbers={"subjects": figures["subjects"]},
        note=f"{page}. {len(sheets)} files with answers, {100 * figures['trimmed_mean']:.1f} % right "
        f"({100 * low:.1f} to "
        f"{100 * high:.1f} %), chance {100 * built.chance:.1f} %.",
    )
