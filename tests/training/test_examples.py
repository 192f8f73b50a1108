"""From a mixture's ids to texts."""

from __future__ import annotations

import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.mixing.mixer import INSTANCE_SCHEMA
from syneg.negatives.record import Negative, to_table
from syneg.training.examples import training_examples


def test_a_synthetic_text_that_was_judged_relevant_is_a_positive_and_never_a_negative() -> None:
    data = RetrievalDataset.from_rows(
        "tiny",
        corpus=[("d1", "", "Cats purr."), ("d2", "", "Owls hoot.")],
        queries=[("q1", "Who purrs?"), ("q2", "Who hoots?")],
        qrels={"train": [("q1", "d1", 1), ("q2", "d2", 1)]},
    )
    pool = to_table(
        [
            Negative(
                negative_id=f"n{number}",
                query_id=query,
                positive_id=positive,
                source="llm",
                title="",
                text=text,
            )
            for number, (query, positive, text) in enumerate(
                [("q1", "d1", "Lions purr too."), ("q2", "d2", "Dogs bark.")]
            )
        ]
    )
    rows = [("q1", "d1"), ("q2", "d2"), ("q1", "n0")]
    instances = pa.Table.from_pylist(
        [
            {"query_id": q, "positive_id": p, "negative_ids": ["n1"], "sources": ["llm"]}
            for q, p in rows
        ],
        schema=INSTANCE_SCHEMA,
    )
    examples = training_examples(instances, pool, data)
    assert examples.table["positive"].to_pylist() == ["Cats purr.", "Owls hoot.", "Lions purr too."]
    query, positive, _ = examples.table["label"].to_pylist()[2]
    assert examples.texts[positive] == "Lions purr too."
    # In the batch it must not push away the query's own texts.
    known = {examples.texts[number] for number in examples.relevant[query]}
    assert known == {"Cats purr.", "Lions purr too."}
