from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mining.counting import Counting, Miner
from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import SentenceEncoder
from syneg.mining.alone import Mined, MiningPlan, mine_negatives
from syneg.mining.rules import parse_rules
from syneg.mining.source_names import parse_sources


@pytest.fixture
def encoder(minilm: SentenceEncoder) -> Counting:
    return Counting(minilm)


@pytest.fixture
def mine(encoder: Counting, tmp_path: Path) -> Miner:
    def run(
        data: RetrievalDataset,
        *rules: str,
        sources: tuple[str, ...] = ("dense",),
        sources_of: np.ndarray | None = None,
        **options,
    ) -> Mined:
        plan = MiningPlan(parse_sources(sources), parse_rules(rules), **options)
        return mine_negatives(
            data, plan, cache=tmp_path / "cache", load_encoder=lambda: encoder, sources=sources_of
        )

    return run
