"""Reads back what W&B recorded offline."""

import json
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from wandb.proto.wandb_internal_pb2 import Record

BLOCK: Final = 32768
HEAD: Final = struct.Struct("<IHB")
"""Of a piece of a record: CRC-32 of type and data, length, type (1 whole, 2 first, 3 middle, 4 last)."""


@dataclass
class Recorded:
    """One W&B run.

    Attributes:
        files: the folder that its media paths start from.
        config: the last value of each key.
        summary: likewise, of what was logged and what was put there.
        history: what each log call held.
        exit_code: None where the run was not ended.
    """

    files: Path
    project: str = ""
    group: str = ""
    job_type: str = ""
    name: str = ""
    id: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    exit_code: int | None = None


def recorded(folder: Path) -> list[Recorded]:
    """The runs recorded under a run's folder, oldest first, once all have ended: W&B writes in another process."""
    deadline = time.monotonic() + 60
    while True:
        try:
            runs = [_read(path) for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))]
            assert all(run.exit_code is not None for run in runs), "a run has not ended"
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return runs


def _read(path: Path) -> Recorded:
    run = Recorded(path.parent / "files")
    for record in _records(path.read_bytes()):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.project, run.group, run.job_type = record.run.project, record.run.run_group, record.run.job_type
            run.name, run.id = record.run.display_name, record.run.run_id
            run.config |= _items(record.run.config.update)
        elif kind == "config":
            run.config |= _items(record.config.update)
        elif kind == "summary":
            run.summary |= _items(record.summary.update)
        elif kind == "history":
            run.history.append(_items(record.history.item))
            run.summary |= run.history[-1]
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    run.config.pop("_wandb", None)
    return run


def _items(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(content: bytes) -> Iterator[Record]:
    """The records of a LevelDB log with W&B's own seven bytes before it, which count as part of the first block."""
    assert content[:4] == b":W&B"
    place, data = 7, b""
    while place + HEAD.size <= len(content):
        if (left := BLOCK - place % BLOCK) < HEAD.size:
            place += left
            continue
        checksum, length, kind = HEAD.unpack_from(content, place)
        piece = content[place + HEAD.size : place + HEAD.size + length]
        assert zlib.crc32(bytes([kind]) + piece) == checksum
        data = piece if kind in (1, 2) else data + piece
        if kind in (1, 4):
            yield Record.FromString(data)
        place += HEAD.size + length
