"""A small data set on which synthetic negatives help or harm, and who writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fake_server import Reply, Seen, completion
from syneg.datasets.beir import write_beir_folder
from syneg.datasets.dataset import RetrievalDataset
from syneg.pipeline.config import RunConfig, load_config

TRAIN, DEVELOPMENT = slice(0, 8), slice(8, 14)
VALUES: dict[str, Any] = {
    "pilot.queries": 4,
    "pilot.epochs": 6,
    "pilot.batch_size": 4,
    "pilot.learning_rate": 2e-4,
    "pilot.seeds": 1,
    "pilot.least_queries": 4,
    "pilot.candidates": [{"name": "mined only", "synthetic": 0}, {"name": "hybrid"}],
    # The texts below are short and alike on purpose; the gates have tests of their own.
    "filters.gates": ["format"],
    "mixing.synthetic": 1,
    "mixing.retrieved": 1,
    # Documents of the corpus that are near would teach about its echoes too.
    "mixing.sources": ["random"],
    "training.epochs": 1,
    "training.batch_size": 4,
    "training.max_length": 32,
    "training.learning_rate": 2e-4,
    "training.precision": "float32",
}


def habits(data: RetrievalDataset) -> dict[str, str]:
    """What each animal does, by its name."""
    names = [one.removeprefix("q-") for one in data.queries["id"].to_pylist()]
    texts = data.query_texts([f"q-{name}" for name in names])
    return {
        name: text.removeprefix("Which animal ").removesuffix("?")
        for name, text in zip(names, texts, strict=True)
    }


def echo(habit: str) -> str:
    """A text that repeats the question and answers nothing."""
    return f"Which animal {habit}? Nobody in this forum knows."


def write_data(data: RetrievalDataset, folder: Path, *, echoes: bool) -> Path:
    """Write the animals with splits of eight, six and two queries.

    With echoes, the corpus holds one for each development query, which misleads the model.
    """
    known = habits(data)
    names = list(known)
    corpus = [tuple(row.values()) for row in data.corpus.to_pylist()]
    if echoes:
        corpus += [(f"e-{name}", "", echo(known[name])) for name in names[DEVELOPMENT]]
    split = {"train": names[TRAIN], "dev": names[DEVELOPMENT], "test": names[14:]}
    made = RetrievalDataset.from_rows(
        "animals",
        corpus=corpus,
        queries=[(f"q-{name}", f"Which animal {habit}?") for name, habit in known.items()],
        qrels={key: [(f"q-{one}", f"d-{one}", 1) for one in rows] for key, rows in split.items()},
    )
    write_beir_folder(made, folder)
    return folder


def write_echoes(data: RetrievalDataset, path: Path) -> Path:
    """Write recorded negatives that teach what is wrong with the corpus's echoes."""
    rows = [
        {"query_id": f"q-{name}", "positive_id": f"d-{name}", "text": echo(habit)}
        for name, habit in list(habits(data).items())[TRAIN]
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def config_for(folder: Path, **values: Any) -> RunConfig:
    return load_config(values={**VALUES, "dataset.location": str(folder), **values})


def writer(data: RetrievalDataset, write: Callable[[str, str], str]) -> Callable[[Seen], Reply]:
    """Return the rule of a language model that writes `write(name, habit)` about an animal."""

    def rule(seen: Seen) -> Reply:
        user = seen.body["messages"][-1]["content"]
        text = write(*next(one for one in habits(data).items() if one[1] in user))
        content = {"reasoning": "It is close.", "title": "", "text": text, "check": "pass"}
        return Reply(body=completion(json.dumps(content)))

    return rule
