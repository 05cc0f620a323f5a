"""Bad input is told in one line, and caught as what it is to Python: a bad value."""

import pickle

import pytest

from lit_adv.errors import InputError


def test_one_line_wherever_it_comes_from() -> None:
    error = InputError("no file\n   x;\n mend it")
    assert str(error) == "no file x; mend it"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # processes send it to each other
    with pytest.raises(ValueError, match="no file x; mend it"):
        raise error
