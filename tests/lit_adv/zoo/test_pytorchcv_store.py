"""pytorchcv's list, and its store, here a folder laid out alike: fetched once, checked, never half there."""

import errno
import hashlib
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.zoo import pytorchcv_store as store
from lit_adv.zoo.pytorchcv_store import PytorchcvModel, at_hand, fetch, published


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PytorchcvModel:
    """A published model whose release lies in a folder of this machine."""
    weights = tmp_path / "weights.pth"
    torch.save({"weight": torch.ones(3)}, weights)
    sha1 = hashlib.sha1(weights.read_bytes()).hexdigest()
    found = replace(published()["resnet20_cifar10"], file_name=f"resnet20_cifar10-0597-{sha1[:8]}.pth", sha1=sha1)
    release = tmp_path / "releases" / found.release
    release.mkdir(parents=True)
    with zipfile.ZipFile(release / f"{found.file_name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(weights, found.file_name)
    monkeypatch.setattr(store, "RELEASES", (tmp_path / "releases").as_uri())
    monkeypatch.setenv("LIT_ADV_STORE", str(tmp_path / "store"))
    return found


def archive_of(model: PytorchcvModel, tmp_path: Path) -> Path:
    return tmp_path / "releases" / model.release / f"{model.file_name}.zip"


def test_the_list_of_pytorchcv() -> None:
    listed = published()
    assert Counter(m.data for m in listed.values()) == {"imagenet": 385, "cifar10": 83}
    assert Counter(m.data for m in listed.values() if m.file_name is not None) == {"imagenet": 323, "cifar10": 70}
    assert listed["resnet56_cifar10"].file_name == "resnet56_cifar10-0452-628c42a2.pth"
    assert (listed["inceptionv3"].size, listed["vgg16"].size, listed["resnet20_cifar10"].size) == (299, 224, 32)
    assert listed["efficientnet_b0c"].pixels_from_minus_one
    assert not listed["efficientnet_b0b"].pixels_from_minus_one


def test_fetched_once_and_then_at_hand(model: PytorchcvModel, tmp_path: Path) -> None:
    assert not at_hand(model)
    path = fetch(model)
    assert at_hand(model)
    assert path == tmp_path / "store" / str(model.file_name)
    assert torch.load(path, weights_only=True)["weight"].tolist() == [1, 1, 1]
    archive_of(model, tmp_path).unlink()
    assert fetch(model) == path


def test_many_at_once_download_once(model: PytorchcvModel, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads: list[str] = []
    plain = torch.hub.download_url_to_file

    def counted(url: str, to: str) -> None:
        downloads.append(url)
        plain(url, to, progress=False)

    monkeypatch.setattr(torch.hub, "download_url_to_file", counted)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(fetch, [model] * 8))) == 1
    assert len(downloads) == 1


def test_an_unreachable_store_names_the_file_and_the_folder(model: PytorchcvModel, tmp_path: Path) -> None:
    archive_of(model, tmp_path).unlink()
    with pytest.raises(InputError) as error:
        fetch(model)
    assert "cannot download the weights of resnet20_cifar10" in str(error.value)
    assert f"fetch {archive_of(model, tmp_path).as_uri()} and unpack it into {tmp_path / 'store'}" in str(error.value)
    assert [p.name for p in (tmp_path / "store").iterdir() if p.suffix != ".lock"] == []


@pytest.mark.parametrize("kept", [0, 60, -30])
def test_a_download_cut_short(model: PytorchcvModel, tmp_path: Path, kept: int) -> None:
    archive = archive_of(model, tmp_path)
    archive.write_bytes(archive.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"what came from file:.* is not resnet20_cifar10"):
        fetch(model)
    assert not at_hand(model)


def test_a_download_of_something_else_is_not_kept(model: PytorchcvModel, tmp_path: Path) -> None:
    archive = archive_of(model, tmp_path)
    good = archive.read_bytes()
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr(str(model.file_name), b"something else")
    with pytest.raises(InputError, match=r"is not the published resnet20_cifar10-0597-.*\.pth; fetch"):
        fetch(model)
    archive.write_bytes(good[:80] + b"\xff" * 40 + good[120:])
    with pytest.raises(InputError, match="what came from"):
        fetch(model)
    assert not at_hand(model)
    archive.write_bytes(good)
    fetch(model)


def test_a_store_that_can_only_be_read(model: PytorchcvModel, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fetch(model)
    monkeypatch.setattr(store, "FileLock", None)
    assert fetch(model) == path


def test_a_file_that_is_not_the_published_one(model: PytorchcvModel, tmp_path: Path) -> None:
    path = fetch(model)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"is damaged or cut short .* delete it, and it is fetched again"):
        fetch(model)
    path.unlink()
    fetch(model)


def test_no_published_weights(model: PytorchcvModel) -> None:
    with pytest.raises(InputError, match="publishes no weights of resnet20_cifar10"):
        fetch(replace(model, file_name=None))


def test_a_store_that_cannot_be_written(model: PytorchcvModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LIT_ADV_STORE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="set LIT_ADV_STORE to another folder"):
        fetch(model)


def test_a_store_that_cannot_be_read(model: PytorchcvModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a home folder of somebody else's."""

    def denied(self: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "is_file", denied)
    assert not at_hand(model)
    with pytest.raises(InputError, match="Permission denied; set LIT_ADV_STORE to another folder"):
        fetch(model)


def test_a_store_in_the_home_of_nobody(model: PytorchcvModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIT_ADV_STORE", "~no such user/store")
    for ask in (at_hand, fetch):
        with pytest.raises(InputError, match="the home folder of ~no such user is unknown; give the whole path"):
            ask(model)
