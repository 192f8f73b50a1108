"""A run that trains the query side against what is retrieved at each step."""

from __future__ import annotations

import json
from pathlib import Path

from syneg.api import run
from syneg.datasets.beir import write_beir_folder
from syneg.datasets.dataset import RetrievalDataset
from training.retrieved import ANIMALS, DATA


def test_a_run_says_that_only_the_query_side_was_trained(tmp_path: Path, small_model: str) -> None:
    judged = [(name, f"eats-{name}", 1) for name in ANIMALS]
    data = RetrievalDataset(
        "animals",
        DATA.corpus,
        DATA.queries,
        RetrievalDataset.from_rows(
            "splits",
            corpus=[],
            queries=[],
            qrels={"train": judged[:4], "dev": judged[4:6], "test": judged[6:]},
        ).qrels,
    )
    write_beir_folder(data, tmp_path / "data")
    # By the similarities of a model drawn by chance everything is near.
    settings = {
        "training.refresh": "adore",
        "training.epochs": 1,
        "training.batch_size": 2,
        "mining.select": ["rank:1-20"],
    }
    done = run(
        tmp_path / "run",
        dataset=tmp_path / "data",
        model=small_model,
        until="train",
        settings=settings,
    )
    assert done["train"]["query_side_only"]
    assert any("retrieved_rank" in one for one in done["train"]["observed"])
    best = tmp_path / "run" / "training" / "best"
    assert "encode_query" in (best / "README.md").read_text()
    # What is retrieved from is part of what training goes on with.
    inputs = json.loads((tmp_path / "run" / "training" / "inputs.json").read_text())
    assert inputs["retrieval"][0] == ["rank:1-20"]
    # The corpus was encoded once, by the starting model.
    assert len(list((tmp_path / "run" / "embeddings").iterdir())) == 1
