from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from syneg.encoders.locate import packaged_minilm
from syneg.errors import InputError
from syneg.filters.judge import CROSS_ENCODER
from syneg.filters.judge_answer import Outcome
from syneg.filters.judge_plan import JudgePlan
from syneg.filters.second_opinion import CrossEncoderOpinion
from syneg.filters.words import words
from syneg.negatives.verdict import VERDICT_SCHEMA, Decision, verdicts_from_table

from .judge_data import NOTHING, collection, judge_for, options, pool

QUERIES = 40
CHOSEN = {"probes": 40, "specificity_to_drop": 0.9, "specificity_to_relabel": 0.9}


def untrained(folder: Path, labels: int = 1) -> Path:
    """A cross-encoder of two small layers that knows the words of the collection."""
    folder.mkdir()
    data = collection(QUERIES)
    texts = [*data.corpus["text"].to_pylist(), *data.queries["text"].to_pylist(), "guards polish"]
    known = dict.fromkeys(word for text in texts for word in words(text))
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *known]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        num_labels=labels,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = untrained(tmp_path_factory.mktemp("models") / "tiny")
    model = CrossEncoder(str(folder), device="cpu", local_files_only=True)
    data = collection(QUERIES)
    queries = data.queries["text"].to_pylist()[:QUERIES]
    texts = data.corpus["text"].to_pylist()
    # Of each query's four documents the first two are relevant.
    pairs = [(queries[place // 4], text) for place, text in enumerate(texts[: 4 * QUERIES])]
    labels = torch.tensor([float(place % 4 < 2) for place in range(len(pairs))])
    features = model.tokenizer(
        [one for one, _ in pairs], [one for _, one in pairs], padding=True, return_tensors="pt"
    )
    network = model[0].auto_model if hasattr(model[0], "auto_model") else model.model
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    network.train()
    for _ in range(25):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            network(**features).logits[:, 0], labels
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    target = folder.parent / "trained"
    model.save_pretrained(str(target))
    return target


@pytest.fixture(scope="module")
def opinion(trained: Path) -> CrossEncoderOpinion:
    return CrossEncoderOpinion(str(trained), offline=True, batch_size=16)


def plan_of(**chosen: object) -> JudgePlan:
    return judge_for(QUERIES, **{**CHOSEN, **chosen}).plan(pool(QUERIES), NOTHING)


def test_it_finds_what_the_judge_would(opinion: CrossEncoderOpinion) -> None:
    plan = plan_of()
    # A judge that never errs.
    outcomes = np.zeros(len(plan), np.int8)
    for group in plan.groups():
        for unit, document in zip(group.units, group.documents, strict=True):
            outcomes[unit] = Outcome.ANSWERS if " opens " in document.text else Outcome.NO
    table, kinds = opinion.verdicts(plan, options(**CHOSEN), outcomes=outcomes)
    assert table.schema == VERDICT_SCHEMA
    found = {one.negative_id: one for one in verdicts_from_table(table)}
    assert len(found) == 2 * QUERIES
    assert {one.filter for one in found.values()} == {CROSS_ENCODER}
    hidden = {f"dense-{number}-h{number}" for number in range(0, QUERIES, 2)}
    marked = {key for key, one in found.items() if one.decision is Decision.MARK}
    # What is like nothing that it has learned from it judges anyhow.
    assert {one for one in marked if one.startswith("dense")} == hidden
    mined, synthetic = kinds
    assert (mined.kind, synthetic.kind) == ("mined", "synthetic")
    assert mined.agreement.kappa == 1
    assert mined.flagged.value == 0.5
    assert mined.sensitivity.value == 1
    assert "Cohen's kappa with the judge is 1.00" in mined.sentence()
    assert "specificity of at least 90% on 40 documents of ranks 50 to 100" in mined.sentence()
    json.dumps([one.as_dict() for one in kinds], allow_nan=False)


def test_it_drops_where_it_is_told_to(opinion: CrossEncoderOpinion) -> None:
    table, kinds = opinion.verdicts(plan_of(), options(**CHOSEN), decision=Decision.DROP)
    found = verdicts_from_table(table)
    dropped = [one for one in found if one.decision is Decision.DROP]
    assert sum(one.negative_id.startswith("dense") for one in dropped) == QUERIES // 2
    assert kinds[0].agreement.kappa is None
    with pytest.raises(InputError, match=r"'relabel'.*give 'mark' or 'drop'"):
        opinion.verdicts(plan_of(), options(**CHOSEN), decision=Decision.RELABEL)


def test_with_too_few_probes_it_only_marks(opinion: CrossEncoderOpinion) -> None:
    few = {**CHOSEN, "probes": 20}
    table, kinds = opinion.verdicts(plan_of(**few), options(**few), decision=Decision.DROP)
    assert set(table["decision"].to_pylist()) == {"mark"}
    assert None not in table["score"].to_pylist()
    assert "has no threshold for mined negatives: 20 documents of ranks 50 to 100 are too few" in (
        kinds[0].sentence()
    )


def test_a_score_does_not_depend_on_its_batch(opinion: CrossEncoderOpinion, trained: Path) -> None:
    queries, texts = (
        ["what opens with device k001"] * 3,
        ["a", "The device k001 opens the gate", ""],
    )
    together = opinion.scores(queries, texts)
    alone = CrossEncoderOpinion(str(trained), batch_size=1).scores(queries[:1], texts[1:2])
    assert together[1] == pytest.approx(alone[0], abs=1e-5)
    assert opinion.scores([], []).shape == (0,)


def test_models_that_do_not_fit_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no cross-encoder.*BertModel"):
        CrossEncoderOpinion(str(packaged_minilm()))
    with pytest.raises(InputError, match=r"no such model folder.*'nowhere'"):
        CrossEncoderOpinion("nowhere")
    with pytest.raises(InputError, match=r"cannot be fetched.*--offline"):
        CrossEncoderOpinion("hub:cross-encoder/none-such", offline=True)
    with pytest.raises(InputError, match=r"'num_labels'.*several scores.*\(got 2\)"):
        CrossEncoderOpinion(str(untrained(tmp_path / "two", labels=2)))
    broken = untrained(tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match="cannot be loaded"):
        CrossEncoderOpinion(str(broken))
    (broken / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config.json: cannot be read as JSON"):
        CrossEncoderOpinion(str(broken))
