"""Negatives that are chosen anew every so many steps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from syneg.encoders.encoder import load_encoder
from syneg.errors import InputError
from syneg.files import read_table
from syneg.progress import SilentProgress
from syneg.training.ance import Refreshes
from syneg.training.options import TrainingOptions
from training.retrieved import ANIMALS, DATA, StopsAt, near, refused, retrieval, texts, tune

IDS = DATA.corpus["id"].to_pylist()


def refreshes(made, folder: Path, **options) -> Refreshes:
    chosen = TrainingOptions(refresh="ance", **options)
    return Refreshes(made, chosen, folder, every=2, seed=3, progress=SilentProgress())


def documents(folder: Path, step: int) -> dict[str, list[str | None]]:
    table = read_table(folder / f"refresh-{step}.parquet")
    return dict(zip(table["query_id"].to_pylist(), table["documents"].to_pylist(), strict=True))


def test_what_the_model_ranks_high_now_takes_the_retrieved_places(tmp_path: Path) -> None:
    made = retrieval(tmp_path, refused=refused(("dog", "sleeps-dog")))
    encoder = load_encoder("minilm")
    examples = refreshes(made, tmp_path).examples(2, lambda: encoder)
    chosen, scores = documents(tmp_path, 2), near(encoder)
    for place, name in enumerate(ANIMALS):
        # A known positive, its copies, and what a judge refused are never taken.
        gone = {f"eats-{name}"} | ({"copy", "shouted"} if name == "cat" else set())
        gone |= {"sleeps-dog"} if name == "dog" else set()
        ranked = [IDS[row] for row in np.argsort(-scores[place]) if IDS[row] not in gone]
        assert chosen[name][0] is None  # The synthetic negative stays.
        assert sorted(chosen[name][1:]) == sorted(ranked[:2])
    assert examples is not None
    row = examples.table.slice(ANIMALS.index("owl"), 1).to_pylist()[0]
    assert row["negative_1"] == "A owl drinks."
    # The loss's numbers are those of the new texts.
    assert [examples.texts[number] for number in row["label"]] == [
        row[name] for name in ("anchor", "positive", "negative_1", "negative_2", "negative_3")
    ]
    assert [bool(examples.generated[number]) for number in row["label"][2:]] == [True, False, False]


def test_the_rules_go_by_the_similarities_of_the_moment(tmp_path: Path) -> None:
    made = retrieval(tmp_path, "perc-pos:0.7", window=3)
    encoder = load_encoder("minilm")
    steps = refreshes(made, tmp_path)
    steps.examples(2, lambda: encoder)
    scores, column = near(encoder), {one: place for place, one in enumerate(IDS)}
    for place, name in enumerate(ANIMALS):
        most = 0.7 * scores[place, column[f"eats-{name}"]]
        for doc_id in documents(tmp_path, 2)[name][1:]:
            assert scores[place, column[doc_id]] <= most + 1e-6
    assert steps.facts()[0]["removed"]["perc-pos:0.7"] > 0


def test_too_few_others_leave_what_was_there(tmp_path: Path) -> None:
    made = retrieval(tmp_path, "perc-pos:0.2")
    steps = refreshes(made, tmp_path)
    steps.examples(2, lambda: load_encoder("minilm"))
    facts = steps.facts()[0]
    assert facts["retrieved"] == 16 and facts["kept"] >= 4
    assert facts["kept"] + facts["changed"] <= 16
    for name, found in documents(tmp_path, 2).items():
        assert len(set(found[1:])) == 2, name


def test_of_a_large_corpus_positives_and_the_best_mined_are_encoded(
    tmp_path: Path, small_model: str
) -> None:
    made = retrieval(tmp_path, model=small_model)
    part = made.within(10)
    ids = part.corpus["id"].to_pylist()
    assert len(ids) == 10
    assert {f"eats-{name}" for name in ANIMALS} < set(ids)
    assert set(ids) - {f"eats-{name}" for name in ANIMALS} <= {f"runs-{one}" for one in ANIMALS}
    assert made.within(100).corpus.num_rows == DATA.corpus.num_rows
    steps = refreshes(made, tmp_path, refresh_documents=10)
    steps.examples(2, lambda: load_encoder(small_model))
    assert steps.facts()[0]["documents"] == 10
    assert {one for row in documents(tmp_path, 2).values() for one in row[1:]} <= set(IDS)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, small_model):
    """Training whose negatives are chosen anew at step 3, inside the second epoch."""
    folder = tmp_path_factory.mktemp("whole")
    made = retrieval(folder, model=small_model)
    options = {"refresh": "ance", "refresh_every": "3 steps", "epochs": 3, "learning_rate": 1e-3}
    return made, folder, *tune(made, folder, model=small_model, **options)


def test_a_choice_changes_texts_but_not_the_schedule(uninterrupted) -> None:
    _, folder, _, result = uninterrupted
    assert result.steps == 6
    assert [one["step"] for one in result.refreshes] == [3]
    assert result.refreshes[0]["changed"] > 8
    assert [step for step, _ in result.losses] == [1, 2, 3, 4, 5, 6]
    (state,) = folder.glob("checkpoint-3/trainer_state.json")
    before = [one["learning_rate"] for one in json.loads(state.read_text())["log_history"]]
    # Warm-up is one step of six; then the rate falls by a fifth of its peak each step.
    np.testing.assert_allclose(before, [0, 1e-3, 0.8e-3], rtol=1e-6)


@pytest.mark.parametrize(("task", "count"), [("encode documents", 1), ("train", 5)])
def test_training_that_was_stopped_ends_as_if_it_had_not_been(
    uninterrupted, small_model: str, tmp_path: Path, task: str, count: int
) -> None:
    made, folder, expected, whole = uninterrupted
    options = {
        "refresh": "ance", "refresh_every": "3 steps", "epochs": 3, "learning_rate": 1e-3,
        "checkpoint_seconds": 0, "model": small_model,
    }  # fmt: skip
    with pytest.raises(InterruptedError):
        tune(made, tmp_path, progress=StopsAt(task, count), **options)
    encoder, result = tune(made, tmp_path, **options)
    assert documents(tmp_path, 3) == documents(folder, 3)
    assert result.refreshes == whole.refreshes
    np.testing.assert_allclose(near(encoder), near(expected), atol=1e-4)


def test_negatives_of_a_step_that_is_gone_cannot_be_found_again(
    tmp_path: Path, small_model: str
) -> None:
    steps = refreshes(retrieval(tmp_path, model=small_model), tmp_path)
    with pytest.raises(InputError, match="since step 2 are missing"):
        steps.examples(3, lambda: load_encoder("minilm"))
    (tmp_path / "refresh-2.parquet").write_bytes(b"torn")
    with pytest.raises(InputError, match="does not hold the negatives"):
        steps.examples(3, lambda: load_encoder("minilm"))


def test_epochs_that_end_with_a_choice_are_measured_once(tmp_path: Path, small_model: str) -> None:
    measured = []

    def score(model) -> float:
        measured.append(model.max_seq_length)
        return float(len(measured))

    made = retrieval(tmp_path, model=small_model)
    options = {"refresh": "ance", "epochs": 3, "model": small_model, "score": score}
    _, result = tune(made, tmp_path, **options)
    # Measured, and kept, as the model reads outside training.
    assert measured == [64, 64, 64]
    assert list(result.development) == [1, 2, 3]
    assert [one["step"] for one in result.refreshes] == [2, 4]
    # Nothing is chosen, nor trained, when it is called again.
    _, again = tune(made, tmp_path, **options)
    assert again.refreshes == result.refreshes and len(measured) == 3


def test_adapters_are_encoded_with_as_they_are_trained(tmp_path: Path, small_model: str) -> None:
    made = retrieval(tmp_path, model=small_model)
    options = {"refresh": "ance", "lora_rank": 2, "learning_rate": 1e-2, "model": small_model}
    encoder, result = tune(made, tmp_path, **options)
    assert [one["step"] for one in result.refreshes] == [2]
    again, _ = tune(made, tmp_path, **options)
    np.testing.assert_allclose(near(again), near(encoder), atol=1e-4)


def test_without_a_retrieved_negative_there_is_nothing_to_choose_anew(
    tmp_path: Path, small_model: str
) -> None:
    made = retrieval(tmp_path, model=small_model)
    only = made.instances.to_pylist()
    for row in only:
        row["negative_ids"], row["sources"] = row["negative_ids"][:1], row["sources"][:1]
    bare = replace(made, instances=pa.Table.from_pylist(only, schema=made.instances.schema))
    with pytest.raises(InputError, match=r"mixing\.retrieved"):
        tune(bare, tmp_path, model=small_model, refresh="ance")
    with pytest.raises(InputError, match="negatives could be retrieved from"):
        tune(None, tmp_path, examples=texts(made), model=small_model, refresh="ance")
