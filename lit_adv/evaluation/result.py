"""The evaluation of one perturbation set, as it is kept in `evaluation.json`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from lit_adv.errors import InputError
from lit_adv.evaluation.cross import Cross
from lit_adv.evaluation.intervals import Share
from lit_adv.evaluation.judge_figures import SHARES, Area, JudgeFigures, known_fields
from lit_adv.evaluation.strength import Norms
from lit_adv.files import read_json, write_json
from lit_adv.perturbations.influence import Influence

if TYPE_CHECKING:
    from lit_adv.evaluation.table import Table


class Judged(NamedTuple):
    """Shares of the images that one judge answers right, see `JudgeFigures`, with 95 % intervals."""

    recognized: Share
    clean: Share
    noise: Share
    attack: Share
    attack_l2: Share | None = None
    prior_off: Share | None = None
    auc: Area | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Recognizability and attack strength of one perturbation set.

    The fields are the keys of the file, in its order. Files of older versions lack some of those that have a default.

    Attributes:
        set: name of the set: setting, attack, and `targeted` where it was.
        data: name of the data set.
        sha256: of the set's tensors.
        images: N.
        images_sha256: of the images and labels; empty if unknown. Evaluations with the same one can be compared image
            by image.
        empty: number of perturbations that are 0; None if unknown.
        answers: number of classes that judges of perturbations choose among.
        perturbations_per_image: m·n.
        epsilon: ε of Eq. 4.3.
        seed: of the random noise.
        norms: of the changes of the images, by measure, see `Norms`; None if unknown.
        arithmetic: settings of torch that the judges' logits depend on, see `lit_adv.arithmetic`; None if unknown.
        cross: what the models that judge each other say together; None where there are none.
        influence: of each group of source models on the average; empty where it is not known.
        judges: by name.
    """

    set: str
    data: str
    sha256: str = ""
    images: int
    images_sha256: str = ""
    empty: int | None = None
    answers: int
    perturbations_per_image: int
    epsilon: float
    seed: int = 0
    norms: Mapping[str, Norms] | None = None
    arithmetic: Mapping[str, str] | None = None
    cross: Cross | None = None
    influence: tuple[Influence, ...] = ()
    judges: Mapping[str, JudgeFigures]

    def __getitem__(self, judge: str) -> "Judged":
        """Returns the shares of one judge, with their intervals.

        Raises:
            KeyError: there is no such judge.
        """
        if judge not in self.judges:
            raise KeyError(f"no judge {judge!r}; there are {', '.join(self.judges)}")
        figures = self.judges[judge]
        shares = {name: share for name in SHARES if (share := figures.share(name)) is not None}
        return Judged(**{name: Share.of(share, self.images) for name, share in shares.items()}, auc=figures.auc)

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
            judges = {name: JudgeFigures.from_json(figures) for name, figures in content["judges"].items()}
            norms = content.get("norms") and {name: Norms(**norm) for name, norm in content["norms"].items()}
            cross = content.get("cross") and Cross.from_json(content["cross"])
            influence = tuple(map(Influence.from_json, content.get("influence", ())))
            known = {"norms": norms, "cross": cross, "influence": influence, "judges": judges}
            return cls(**{**known_fields(cls, content), **known})
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"this is no evaluation of a perturbation set: {error!r}") from error

    def to_json(self) -> dict[str, Any]:
        """Returns the JSON values; unknown ones are left out, and an empty influence."""
        return _known(asdict(self) | ({} if self.influence else {"influence": None}))

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
    """Returns values without those that are unknown, at any depth."""
    known = {name: value for name, value in content.items() if value is not None}
    return {name: _known(value) if isinstance(value, Mapping) else value for name, value in known.items()}
