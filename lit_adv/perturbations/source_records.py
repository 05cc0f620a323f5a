"""What a manifest says of source models: those averaged over, and those that failed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class SourceRecord:
    """A source model.

    Attributes:
        name: in the zoo.
        checksum: of its weights, `ALGORITHM:DIGITS`.
        members: those of the models of an ensemble; empty for a single model.
    """

    name: str
    checksum: str
    members: tuple[str, ...] = ()

    @property
    def attacked(self) -> frozenset[str]:
        """Checksums of all that was attacked: its own, and those of its members."""
        return frozenset({self.checksum, *self.members})

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Returns the record that JSON values stand for."""
        return cls(**{**content, "members": tuple(content.get("members", ()))})

    def to_json(self) -> dict[str, Any]:
        """The JSON values, without an empty `members`."""
        return {key: value for key, value in asdict(self).items() if key != "members" or value}


@dataclass(frozen=True)
class MissingRecord:
    """A source model that failed and was left out.

    Attributes:
        name: in the zoo.
        checksum: of its weights.
        place: its position among the source models.
        reason: the error.
    """

    name: str
    checksum: str
    place: int
    reason: str
