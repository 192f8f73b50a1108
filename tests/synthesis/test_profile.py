from __future__ import annotations

import re
from pathlib import Path

import pytest

from syneg.errors import InputError
from syneg.synthesis.profile import load_profile, packaged_profiles, profile_for

WHOLE = """
domain_name: [Law]
difficulty_level: [Expert]
length: {half as long as: 0.5}
style: court rulings
relevance: decides the question
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        load_profile(str(write(folder, text)))
    assert "mine.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", packaged_profiles())
def test_every_packaged_profile_loads(name: str) -> None:
    profile = load_profile(name)
    assert len(profile.domain_name) > 1
    assert len(profile.difficulty_level) > 1


def test_scifact_has_the_pools_of_the_paper_and_counts_refutation_as_relevant() -> None:
    profile = load_profile("scifact")
    assert set(profile.domain_name) == {
        "Epidemiology",
        "Public Health",
        "Virology",
        "Biostatistics",
        "Healthcare Policy",
        "Infectious Diseases",
        "Bioinformatics",
        "Medical Research",
        "Pharmacology",
    }
    assert [level.split()[0] for level in profile.difficulty_level] == [
        "Foundational",
        "Intermediate",
    ]
    assert list(profile.length) == ["approximately the same as", "nearly the same as"]
    assert "refute" in profile.relevance
    assert "against it" in profile.answer


def test_other_collections_say_what_is_peculiar_to_their_relevance() -> None:
    assert "same as the query" in load_profile("quora").relevance
    assert "bridging" in load_profile("hotpotqa").relevance
    everything = [load_profile(name) for name in packaged_profiles()]
    assert len({profile.relevance for profile in everything}) == len(everything)
    assert len({profile.answer for profile in everything}) == len(everything)


def test_a_profile_of_an_earlier_version_has_no_answer(tmp_path: Path) -> None:
    assert "wants to know" in load_profile(str(write(tmp_path, WHOLE))).answer


@pytest.mark.parametrize(
    ("dataset", "profile"),
    [
        ("scifact", "scifact"),
        ("SciFact", "scifact"),
        ("scifact-disjoint", "scifact"),
        ("mteb/scifact", "scifact"),
        ("covidqa-disjoint", "covidqa"),
        ("pydocs", "pydocs"),
        ("BeIR/fiqa", "fiqa"),
        ("quora", "quora"),
        ("hotpot_qa", "hotpotqa"),
        ("ms-marco-passage", "msmarco"),
        ("nfcorpus", "generic"),
        ("", "generic"),
    ],
)
def test_a_data_set_gets_its_profile_or_the_generic_one(dataset: str, profile: str) -> None:
    assert profile_for(dataset) == load_profile(profile)


def test_a_profile_of_ones_own_is_read_from_a_file(tmp_path: Path) -> None:
    profile = load_profile(str(write(tmp_path, WHOLE)))
    assert profile.domain_name == ("Law",)
    assert profile.length == {"half as long as": 0.5}


def test_a_misspelt_name_gets_a_hint() -> None:
    with pytest.raises(InputError, match="did you mean 'scifact'"):
        load_profile("scifac")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.yaml.*no such file"):
        load_profile(str(tmp_path / "nothing.yaml"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("domain_name:", "domain_names:"), "field 'domain_names'.*did you mean 'domain_name'"),
        (("style: court rulings", ""), "field 'style': is missing"),
        (("[Law]", "[]"), "field 'domain_name'"),
        (("[Law]", "Law"), "field 'domain_name'.*'Law'"),
        (("[Law]", "[12]"), r"field 'domain_name\.0'.*12"),
        (("0.5", "-1"), "half as long as.*-1"),
        (("court rulings", "a: b: c"), "mine.yaml:5: is not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert re.search(said, refusal(tmp_path, WHOLE.replace(*change)))


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert "is no mapping" in refusal(tmp_path, text)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(WHOLE.encode("utf-16"))
    with pytest.raises(InputError, match="not UTF-8"):
        load_profile(str(path))
