"""Records of source models: JSON and back, and all checksums that were attacked."""

from lit_adv.perturbations.source_records import SourceRecord


def test_a_model_is_written_as_ever_and_an_ensemble_with_its_members():
    single, several = SourceRecord("a", "sha256:1"), SourceRecord("b", "sha256:2", ("sha256:3", "sha256:4"))
    assert single.to_json() == {"name": "a", "checksum": "sha256:1"}
    for record in (single, several):
        assert SourceRecord.from_json({**record.to_json()}) == record
    assert SourceRecord.from_json({**several.to_json(), "members": ["sha256:3", "sha256:4"]}) == several


def test_an_ensemble_attacks_its_members_too():
    assert SourceRecord("a", "1").attacked == {"1"}
    assert SourceRecord("b", "2", ("3", "4")).attacked == {"2", "3", "4"}
