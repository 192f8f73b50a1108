from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.filters.gates import (
    check_copy,
    check_corpus_copy,
    check_format,
    check_length,
    check_repetition,
    check_self_check,
)
from syneg.filters.options import GATES, GateOptions
from syneg.filters.words import different_runs, words

OPTIONS = GateOptions()
POSITIVE = (
    "Rayleigh scattering of sunlight by molecules of the air is strongest at short "
    "wavelengths. An observer on the ground therefore receives more blue light from all "
    "parts of the sky than red light, except near the sun at dawn and dusk."
)
OTHER = (
    "Clouds look white because their droplets are far larger than the wavelength of light. "
    "Such droplets send all colours in every direction about equally, and the mixture that "
    "reaches the ground has no tint. Thick clouds let less of it through and appear grey."
)


def copied(text: str, query: str = "why is the sky blue", options: GateOptions = OPTIONS) -> bool:
    relevant = [different_runs(words(POSITIVE), options.copy_words)]
    return check_copy(words(text), words(query), relevant, options).drop


@pytest.mark.parametrize("text", [None, "", " \n\t", "…?!", "🙂🙂🙂", "\u200b\u200d", "\ud800"])
def test_format_drops_what_has_no_text(text: str | None) -> None:
    assert check_format(text, None).drop


def test_format_tells_the_problem_of_the_answer() -> None:
    assert check_format(None, "cut off").reason == "cut off"


@pytest.mark.parametrize(
    ("positive", "count", "drop"),
    [
        (100, 24, True),
        (100, 25, False),
        (100, 400, False),
        (100, 401, True),
        (40, 14, True),  # fewer than the absolute minimum, though over a quarter
        (40, 15, False),
        (10, 9, False),  # a collection of short questions has short negatives
        (10, 4, True),
        (5000, 40, False),  # a very long positive counts as 160 words
        (5000, 39, True),
        (0, 3, False),
    ],
)
def test_length_is_relative_to_the_positive(positive: int, count: int, drop: bool) -> None:
    finding = check_length(count, positive, OPTIONS)
    assert finding.drop is drop
    assert finding.score == count / max(positive, 1)
    assert (finding.reason is not None) is drop


def test_length_counts_the_signs_of_scripts_without_spaces() -> None:
    found, positive = words("天空为什么是蓝色的" * 4), words("因为空气散射蓝光" * 5)
    assert (len(found), len(positive)) == (36, 40)


def test_copying_the_positive_is_dropped() -> None:
    assert copied(POSITIVE)
    assert copied(POSITIVE.upper().replace(".", " !"))
    assert copied("In short: " + POSITIVE)
    first, second = POSITIVE.split(". ")
    assert copied(f"{second} {first}.")


def test_sharing_the_subject_and_a_phrase_is_not_copying() -> None:
    assert not copied(OTHER)
    assert not copied(f"Rayleigh scattering of sunlight by molecules of the air is weak. {OTHER}")


def test_the_bare_query_is_dropped() -> None:
    assert copied("Why is the sky blue?")
    assert not copied("Why is the sky blue? " + OTHER)


@pytest.mark.parametrize(
    "text",
    [
        "The study shows that the sky is blue. " * 6,
        "blue " * 60,
        "Step 1: look at the sky above. Step 2: look at the sky above. Step 3: look at the sky "
        "above. Step 4: look at the sky above. Step 5: look at the sky above.",
        OTHER + " It is known that light has many colours." * 3,
        OTHER + " and the blood and the heart" * 12,
        "The patients were treated with drug A for ten weeks. The patients were treated with "
        "drug B for ten weeks. The patients were treated with drug C for ten weeks. The "
        "patients were treated with drug D for ten weeks.",
    ],
)
def test_going_round_in_circles_is_dropped(text: str) -> None:
    assert check_repetition(text, OPTIONS).drop


@pytest.mark.parametrize(
    "text",
    [
        OTHER,
        POSITIVE,
        "",
        "One word",
        "The odds ratio was 1.2 (95% CI 0.8-1.9) in men, 1.4 (95% CI 0.9-2.0) in women, 1.3 "
        "(95% CI 1.0-1.7) in smokers and 0.9 (95% CI 0.5-1.3) in children under 5 years.",
    ],
)
def test_ordinary_prose_and_figures_are_kept(text: str) -> None:
    assert not check_repetition(text, OPTIONS).drop


def test_a_sentence_that_comes_too_often_is_dropped_in_scripts_without_spaces() -> None:
    other = "树叶含有叶绿素因此吸收红光和蓝光。云由许多很大的水滴组成所以看起来是白色的。"
    sentence = "天空是蓝色的因为空气散射短波光。"
    rest = "雪反射所有颜色的光！太阳落山时天边发红。彩虹由雨滴折射阳光而成。海水在深处呈现暗色。"
    assert not check_repetition(f"{other}{sentence}{rest}", OPTIONS).drop
    assert check_repetition(f"{sentence}{other}{sentence}{rest}{sentence}", OPTIONS).drop


def test_a_copy_of_a_mined_candidate_is_dropped_and_a_rewrite_is_kept() -> None:
    candidates = {
        "x2": different_runs(words(POSITIVE), 5),
        "x1": different_runs(words(f"Title. {POSITIVE}"), 5),
        "x3": different_runs(words(OTHER), 5),
    }
    finding = check_corpus_copy(words(OTHER), candidates, OPTIONS)
    assert (finding.drop, finding.reason) == (True, "100% of it stands in the document x3")
    # Of documents with the same share the smallest id is told.
    assert "x1" in str(check_corpus_copy(words(POSITIVE), candidates, OPTIONS).reason)
    rewritten = OTHER.replace("no tint", "a tint").replace("larger", "smaller")
    share = check_corpus_copy(words(rewritten), candidates, OPTIONS)
    assert not share.drop
    assert share.score is not None and 0.5 < share.score < 0.9
    assert check_corpus_copy(words(OTHER), {}, OPTIONS).score == 0


@given(st.text(max_size=60), st.text(max_size=60), st.floats(0, 1), st.floats(0, 1))
def test_a_stricter_threshold_drops_no_less(
    text: str, other: str, first: float, second: float
) -> None:
    strict, lenient = sorted((first, second))
    relevant = [different_runs(words(other), 2)]

    def drops(share: float) -> tuple[bool, bool]:
        options = GateOptions(copy_share=share, repetition_share=share, copy_words=2)
        copy = check_copy(words(text), ["query"], relevant, options).drop
        return copy, check_repetition(text, options).drop

    assert all(one or not other for one, other in zip(drops(strict), drops(lenient), strict=True))


@given(st.text())
def test_any_text_has_words_that_are_seen(text: str) -> None:
    found = words(text)
    assert all(found)
    assert words(" ".join(found)) == found
    assert words(text.replace("a", "a\u200b")) == found


@given(st.text())
def test_scores_are_shares_of_any_text(text: str) -> None:
    for finding in (
        check_repetition(text, OPTIONS),
        check_copy(words(text), ["query"], [different_runs(words(POSITIVE), 5)], OPTIONS),
    ):
        assert finding.score is not None
        assert 0 <= finding.score <= 1


@given(st.text(min_size=1).filter(lambda text: bool(words(text))))
def test_any_text_is_a_copy_of_itself(text: str) -> None:
    finding = check_copy(words(text), [], [different_runs(words(text), 5)], OPTIONS)
    assert finding.drop
    assert finding.score == 1


@pytest.mark.parametrize("check", ["fail", "Fail: too near", '"FAIL" - it answers', "Failed."])
def test_what_the_model_itself_failed_is_dropped(check: str) -> None:
    assert check_self_check(check).drop


@pytest.mark.parametrize("check", [None, "", "pass", "Pass: it does not fail", "failure rates"])
def test_any_other_check_is_kept(check: str | None) -> None:
    assert not check_self_check(check).drop


@pytest.mark.parametrize(
    ("change", "gates"),
    [
        ({"shortest_ratio": 0.3}, ["length"]),
        ({"longest_positive": 99}, ["length"]),
        ({"copy_share": 0.4}, ["copy"]),
        ({"copy_words": 6}, ["copy", "corpus-copy"]),
        ({"corpus_copy_share": 0.8}, ["corpus-copy"]),
        ({"repetition_share": 0.4}, ["repetition"]),
        ({"telltale_extra": ("as we say",)}, ["telltale"]),
        ({"languages": ("de",)}, ["language", "telltale"]),
        ({"language_sureness": 0.9}, ["language"]),
        ({"near_duplicate_share": 0.8}, ["near-duplicate"]),
        ({"hardness_lowest": 0.1}, ["hardness"]),
    ],
)
def test_a_threshold_changes_the_fingerprint_of_its_own_gates_alone(
    change: dict[str, object], gates: list[str]
) -> None:
    changed = GateOptions.model_validate(change)
    differing = [one for one in GATES if changed.fingerprint(one) != OPTIONS.fingerprint(one)]
    assert differing == gates


@pytest.mark.parametrize(
    "change",
    [
        {"copy_shares": 1},
        {"copy_share": 2},
        {"gates": ["copie"]},
        {"telltale_extra": [" "]},
        {"languages": ["English"]},
        {"language_sureness": 0.5},
        {"near_duplicate_share": 0.1},
        {"hardness_lowest": 0.9, "hardness_highest": 0.1},
        {"hardness_fewest": 1},
    ],
)
def test_wrong_options_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        GateOptions.model_validate(change)
