"""The study with people (4.8.2.2): its page, and its figures once there are answers."""

from collections.abc import Sequence

from lit_adv.figures.gallery import gallery_row, picture_rows
from lit_adv.files import write_json
from lit_adv.perturbations.perturbation_set import first_of_each_class
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.result import FigureResult
from lit_adv.reproduce.set_name import SetName
from lit_adv.study.build import build
from lit_adv.study.score import score, tables


def study(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Builds the page in a folder of the set's own, and scores the answers in its `answers/`."""
    [perturbations] = inputs.all_of(names)
    folder = inputs.sets.out / f"study-{perturbations.manifest.sha256[:12]}"
    built = build(inputs.sets.folder(names[0]), folder)
    index = first_of_each_class(perturbations.label)
    pictures = {"gallery": gallery_row(picture_rows([perturbations], index))}
    page = f"The page for people is {folder / 'page' / 'index.html'}, with pictures such as these"
    sheets = sorted((folder / "answers").glob("*.json"))
    if not sheets:
        return FigureResult(
            pictures=pictures,
            note=f"{page}; nobody has answered yet. Put the files that it saves into {folder / 'answers'} and make "
            f"this again.",
        )
    figures = score(sheets, folder / "key.json")
    write_json(folder / "figures.json", figures)
    low, high = figures["interval_95"]
    return FigureResult(
        pictures=pictures,
        tables=tables(figures),
        numbers={"subjects": figures["subjects"]},
        note=f"{page}. {len(sheets)} files with answers, {100 * figures['trimmed_mean']:.1f} % right "
        f"({100 * low:.1f} to "
        f"{100 * high:.1f} %), chance {100 * built.chance:.1f} %.",
    )
