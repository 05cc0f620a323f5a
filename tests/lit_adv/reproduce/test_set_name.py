"""Every name is read and written back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_adv.configs import ATTACKS, SETTINGS, packaged
from lit_adv.reproduce.set_name import SetName

NAMES = st.builds(
    SetName, st.sampled_from(SETTINGS), st.sampled_from(ATTACKS), st.booleans(), st.booleans(),
    st.none() | st.integers(0, 100).map(lambda hundredths: hundredths / 100),
)  # fmt: skip


@given(NAMES)
def test_text_and_back(name: SetName) -> None:
    assert SetName.parse(str(name)) == name


@pytest.mark.parametrize("text", ["nmm-cw-targeted", "nmm-bim-clipped", "nsm-bim-sigma-0.3", "sm-deepfool"])
def test_names_are_written_as_they_were_read(text: str) -> None:
    name = SetName.parse(text)
    assert str(name) == text
    assert f"mnist-{name.stem}" in packaged()


@pytest.mark.parametrize("text", ["", "nmm", "nmm-pgd", "nmm-cw-", "nmm-cw-targetted", "nsm-bim-sigma-", "x-nmm-cw"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        SetName.parse(text)
