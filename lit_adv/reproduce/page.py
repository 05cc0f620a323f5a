"""One page with every figure and table that has been made."""

from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from lit_adv.files import atomic_path, read_json
from lit_adv.html import page
from lit_adv.perturbations.manifest import Manifest
from lit_adv.perturbations.perturbation_set import MANIFEST
from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.result import FIGURE

MOST_ROWS = 48
JPEG_QUALITY = 88


def write_page(out: Path, data: str) -> Path:
    """Writes `index.html` of the figures in `out/figures`, in the thesis's order; it needs no other file.

    Args:
        out: where figures and page are.
        data: the data set.
    """
    sections: list[dict[str, Any]] = []
    sets: dict[str, Any] = {}
    for entry in CATALOGUE:
        folder = out / "figures" / entry.name
        figure = read_json(folder / FIGURE) if (folder / FIGURE).is_file() else None
        if figure is None or figure["data"] != data:
            continue
        if changed := [name for name, sha256 in figure["sha256"].items() if checksum(out, name) != sha256]:
            print(f"left out of the page: {entry.name}, for {', '.join(changed)} changed since; make it again")
            continue
        sets |= figure["sets"]
        pictures = (*figure["plots"], *figure["pictures"])
        images = [embedded((folder / f"{name}.png").read_bytes()) for name in pictures]
        numbers = {} if figure["tables"] else figure["numbers"]
        shown = {name: rows for name, rows in numbers.items() if len(rows) <= MOST_ROWS}
        long = [name for name in numbers if name not in shown]
        sections.append({**figure, "name": entry.name, "images": images, "shown": shown, "long": long})
    html = page("lit_adv.reproduce", "page.html", data=data, sections=sections, sets=sets)
    path = out / "index.html"
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return path


def checksum(out: Path, name: str) -> str:
    """Returns the SHA-256 of a set's tensors from its manifest; empty if the set is not there."""
    manifest = out / "sets" / name / MANIFEST
    return Manifest.load(manifest).sha256 if manifest.is_file() else ""


def embedded(png: bytes) -> str:
    """Returns a picture as a data URL; JPEG where it takes less than half the bytes, as for photographs and noise."""
    jpeg = BytesIO()
    with Image.open(BytesIO(png)) as image:
        image.convert("RGB").save(jpeg, "JPEG", quality=JPEG_QUALITY)
    kind, content = ("jpeg", jpeg.getvalue()) if 2 * len(jpeg.getvalue()) < len(png) else ("png", png)
    return f"data:image/{kind};base64,{b64encode(content).decode()}"
