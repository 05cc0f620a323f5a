"""What the user can mend is one line; what is wrong with the program keeps its traceback."""

from argparse import ArgumentError
from typing import Never

import pytest
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch.distributed import DistError, DistNetworkError, DistStoreError

from lit_adv.cli.guard import run_guarded
from lit_adv.errors import AlreadyDone, InputError


def fail(error: Exception, cause: Exception | None = None) -> Never:
    raise error from cause


@pytest.mark.parametrize(
    "error",
    [
        InputError("no\nfile x"),
        ArgumentError(None, "no file x"),
        MisconfigurationException("no file\n  x"),
        PermissionError("no file x"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_bad_input_is_one_line(error: Exception, wrapped: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_guarded(fail, *((ValueError("of a parser"), error) if wrapped else (error,)))
    assert capsys.readouterr().err == "lit-adv: no file x\n"


@pytest.mark.parametrize(
    "error",
    [
        DistNetworkError("Failed to recv"),
        DistStoreError("wait timeout"),
        RuntimeError("[third_party/gloo/gloo/transport/tcp/pair.cc:561] Connection closed by peer"),
    ],
)
def test_another_process_has_gone(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_guarded(fail, error)
    said = capsys.readouterr().err
    assert said.startswith("lit-adv: lost touch with another process; start the same command again")
    assert str(error) in said


def test_a_port_in_use(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_PORT", "29500")
    with pytest.raises(SystemExit, match="2"):
        run_guarded(fail, DistNetworkError("The server socket has failed to listen. code: -98, name: EADDRINUSE"))
    assert capsys.readouterr().err == "lit-adv: MASTER_PORT 29500 is in use; choose another, or leave it out\n"


@pytest.mark.parametrize(
    "error",
    [RuntimeError("recv is no function"), RuntimeError("Broken pipe"), ValueError(), DistError("of a collective")],
)
def test_faults_of_the_program_keep_their_traceback(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        run_guarded(fail, error)
    assert raised.value is error


def test_what_is_done_already_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    run_guarded(fail, AlreadyDone("all is there"))
    assert capsys.readouterr().out == "all is there\n"
