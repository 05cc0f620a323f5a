"""The files of jsPsych that a study's page uses, from its CDN or from an npm installation.

de Leeuw, Gilbert and Luchterhandt, jsPsych, Journal of Open Source Software 8(85), 5351, 2023; MIT licence.
"""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha384
from pathlib import Path
from typing import Final

from lit_adv.errors import InputError
from lit_adv.files import atomic_path

CDN: Final = "https://cdn.jsdelivr.net/npm"


@dataclass(frozen=True)
class Library:
    """A file of an npm package.

    Attributes:
        package: its name.
        version: the exact one.
        file: within the package.
        integrity: SHA-384 of the package's file on npm, which the CDN serves as it is.
    """

    package: str
    version: str
    file: str
    integrity: str

    @property
    def url(self) -> str:
        """Address on the CDN."""
        return f"{CDN}/{self.package}@{self.version}/{self.file}"

    @property
    def local(self) -> str:
        """Path in the page's folder."""
        return f"lib/{self.package.split('/')[-1]}-{self.version}{Path(self.file).suffix}"


LIBRARIES: Final = (
    Library(
        "jspsych",
        "8.3.0",
        "css/jspsych.css",
        "sha384-+gGUkbtw2BJWSroKW2jzIEXGe7KxdycJ0Bo+CqzpIOSBHOYEHHRWETaV+v2mpdWX",
    ),
    Library(
        "jspsych",
        "8.3.0",
        "dist/index.browser.min.js",
        "sha384-PPMNzYQfqrWFhrOxhpwxXmKK+LDH//fBCLsvA/JIRHOfiuOcZ2j8wJhqo87V4R4B",
    ),
    Library(
        "@jspsych/plugin-html-button-response",
        "2.1.0",
        "dist/index.browser.min.js",
        "sha384-tPGtXEC8xEbInWvarnxvJ3fyzeXwRDS0QjGUts+TGQ9I8OCxiqsv9lxTS3mEN6um",
    ),
    Library(
        "@jspsych/plugin-preload",
        "2.1.0",
        "dist/index.browser.min.js",
        "sha384-BiUYHx4tdTYToceth936qf4Wkf+Ho2VZti/5bB5/nDiPRuTaZ37hrxkLsANkHGdp",
    ),
)
INSTALL: Final = "npm install " + " ".join(dict.fromkeys(f"{one.package}@{one.version}" for one in LIBRARIES))


def integrity(content: bytes) -> str:
    """Returns the subresource integrity of a file's content."""
    return f"sha384-{b64encode(sha384(content).digest()).decode()}"


def read_libraries(node_modules: Path) -> dict[str, bytes]:
    """Reads the libraries' contents, by name in the page's folder.

    Raises:
        InputError: a file is missing or not that of the version used.
    """
    contents = {}
    for one in LIBRARIES:
        path = node_modules / one.package / one.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}; run {INSTALL}, then give node_modules") from error
        if integrity(content) != one.integrity:
            raise InputError(f"{path} is not that of {one.package} {one.version}; run {INSTALL}")
        contents[one.local] = content
    return contents


def write_libraries(contents: dict[str, bytes], page: Path) -> None:
    """Writes the result of `read_libraries` into the page's folder."""
    for name, content in contents.items():
        with atomic_path(page / name) as temporary:
            temporary.write_bytes(content)
