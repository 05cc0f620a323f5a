"""The evaluation of one perturbation set, as it is kept in `evaluation.json`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

from lit_adv.errors import InputError
from lit_adv.evaluation.intervals import Share
from lit_adv.files import read_json, write_json

if TYPE_CHECKING:
    from lit_adv.evaluation.table import Table

Measure = Literal["recognized", "clean", "noise", "attack"]
MEASURES: Final[Mapping[Measure, str]] = {
    "recognized": "perturbation recognized",
    "clean": "accuracy: clean",
    "noise": "random noise",
    "attack": "under attack",
}
"""Shares of an evaluation and their headings, in the order shown.

`recognized`: perturbations that get the label of their image or, if targeted, the target; `clean`: images that get
their label; `noise`: images with ±ε at random; `attack`: images after Eq. 4.3.
"""


@dataclass(frozen=True, kw_only=True)
class JudgeFigures:
    """Shares of the images, in [0, 1], that one judge answers right.

    Attributes:
        checksum: of the judge's weights; empty in files that do not have it.
        white_box: whether the judge is also a source model of the set.
        clean: accuracy on the images.
        noise: accuracy on images with ±ε at random in every pixel.
        attack: accuracy on x + ε·sign(δ) (Eq. 4.3).
        recognized: share of the perturbations that get their image's label, or the target.
        commonest: share of the perturbations that get the judge's most frequent answer; None if unknown.
    """

    checksum: str = ""
    white_box: bool
    clean: float
    noise: float
    attack: float
    recognized: float
    commonest: float | None = None

    def share(self, measure: Measure) -> float:
        """Returns the share of this name."""
        value: float = getattr(self, measure)
        return value


class Judged(NamedTuple):
    """Shares of the images that one judge answers right, see `JudgeFigures`, with 95 % intervals."""

    recognized: Share
    clean: Share
    noise: Share
    attack: Share


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Recognizability and attack strength of one perturbation set.

    The fields are the keys of the file, in its order. Files of older versions lack some of those that have a default.

    Attributes:
        set: name of the set: setting, attack, and `targeted` where it was.
        data: name of the data set.
        sha256: of the set's tensors.
        images: N.
        empty: number of perturbations that are 0; None if unknown.
        answers: number of classes that judges of perturbations choose among.
        perturbations_per_image: m·n.
        epsilon: ε of Eq. 4.3.
        seed: of the random noise.
        arithmetic: settings of torch that the judges' logits depend on, see `lit_adv.arithmetic`; None if unknown.
        judges: by name.
    """

    set: str
    data: str
    sha256: str = ""
    images: int
    empty: int | None = None
    answers: int
    perturbations_per_image: int
    epsilon: float
    seed: int = 0
    arithmetic: Mapping[str, str] | None = None
    judges: Mapping[str, JudgeFigures]

    def __getitem__(self, judge: str) -> "Judged":
        """Returns the shares of one judge, with their intervals.

        Raises:
            KeyError: there is no such judge.
        """
        if judge not in self.judges:
            raise KeyError(f"no judge {judge!r}; there are {', '.join(self.judges)}")
        figures = self.judges[judge]
        return Judged(**{measure: Share.of(figures.share(measure), self.images) for measure in MEASURES})

    def table(self) -> "Table":
        """Returns the table, a row for each judge; `.print()` prints it."""
        from lit_adv.evaluation.table import evaluation_table

        return evaluation_table(self)

    def _repr_html_(self) -> str:
        return self.table().html()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Returns the evaluation that JSON values stand for; keys of newer files are left out.

        Raises:
            InputError: a key is missing or holds another kind of value.
        """
        try:
            judges = {name: JudgeFigures(**_of(JudgeFigures, figures)) for name, figures in content["judges"].items()}
            return cls(**{**_of(cls, content), "judges": judges})
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"this is no evaluation of a perturbation set: {error!r}") from error

    def to_json(self) -> dict[str, Any]:
        """Returns the JSON values; unknown ones are left out."""
        content = asdict(self)
        judges = {name: _known(figures) for name, figures in content["judges"].items()}
        return {**_known(content), "judges": judges}

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a file.

        Raises:
            InputError: it is missing or no evaluation.
        """
        content = read_json(path)
        try:
            return cls.from_json(content)
        except InputError as error:
            raise InputError(f"{path}: {error}; make it again with lit-adv test") from error

    def save(self, path: Path) -> None:
        """Writes the file, atomically."""
        write_json(path, self.to_json())


def _known(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if value is not None}


def _of(kind: type, content: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: content[field.name] for field in fields(kind) if field.name in content}
