from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc
import pytest

from syneg.errors import InputError
from syneg.files import read_table
from syneg.negatives.pool import NegativePool
from syneg.pipeline.config import load_config
from syneg.pipeline.options import MiningOptions
from syneg.pipeline.pipeline import run_pipeline


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("mining.select=[perc-poss:0.9]", "mining.select.*did you mean 'perc-pos:0.95'"),
        ("mining.select=[top]", r"mining\.select.*such as top:n=30"),
        ("mining.sources=[bm26]", r"mining\.sources.*did you mean 'bm25'"),
        ("mining.sources=[]", "no source is named"),
        ("mining.reference=best", "mining.reference"),
        ("mining.near_duplicate=2", "mining.near_duplicate"),
        ("mining.sorces=[bm25]", r"did you mean 'mining\.sources'"),
    ],
)
def test_a_wrong_value_is_told_with_its_key(setting: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        load_config(overrides=[setting])


def test_rules_and_sources_are_kept_as_they_are_written() -> None:
    options = MiningOptions(select=("rank:30", "perc-pos:share=0.9"), sources=("dense", "judged"))
    assert options.select == ("rank:1-30", "perc-pos:0.9")
    assert MiningOptions.model_validate(options.model_dump(mode="json")) == options
    assert MiningOptions().select == ("perc-pos:0.95",)
    assert MiningOptions(select=()).select == ()


def test_what_configurations_of_earlier_versions_say_is_understood() -> None:
    config = load_config(values={"mining.percentage_of_positive": 0.9})
    assert config.mining.select == ("perc-pos:0.9",)


def test_a_run_takes_its_candidates_from_files_and_keeps_what_rules_removed(
    tmp_path: Path, write_animals
) -> None:
    data = write_animals(tmp_path / "animals")
    run_file = tmp_path / "system.trec"
    lines = [
        f"q-{name} Q0 {document} 0 {score} x\n"
        for name in ("cat", "dog", "cow", "bee", "owl", "ant", "fox", "whale", "camel")
        for score, document in enumerate(("d-mole", "d-bat"))
    ]
    run_file.write_text("".join(lines))
    values = {"dataset.location": str(data), "dataset.development_share": 0.1, "pilot.queries": 0}
    sources = ["fusion:bm25+dense", f"run:{run_file}", "random"]
    config = load_config(
        values={
            **values,
            "mining.sources": sources,
            "mining.select": ["similarity-max:0.3"],
            "mixing.sources": ["fusion", "run-system"],
        }
    )
    output = tmp_path / "run"
    summaries = run_pipeline(config, output, until="filter")
    assert set(summaries["mine"]["proposed"]) == {"fusion", "run-system", "random"}
    pool = NegativePool(output / "pool")
    negatives, verdicts = pool.negatives(), pool.verdicts("selection")
    near = pc.greater(negatives["query_similarity"], 0.3)
    assert set(verdicts["negative_id"].to_pylist()) == set(
        negatives.filter(near)["negative_id"].to_pylist()
    )
    assert set(verdicts["filter"].to_pylist()) == {"similarity-max"}
    counts = read_table(output / "pool" / "selection.parquet")
    assert pc.sum(counts["similarity-max:0.3"]).as_py() == verdicts.num_rows
    assert summaries["filter"]["mined_dropped"] == verdicts.num_rows
    assert summaries["filter"]["mined_judged"] == negatives.num_rows
    mixed = run_pipeline(config, output, until="mix")["mix"]
    assert {"fusion", "run-system"} <= set(mixed["by_source"])
    # Another selection is judged again in seconds; nothing is mined again.
    before = {path: path.stat().st_mtime_ns for path in (output / "pool/negatives").iterdir()}
    stricter = load_config(output / "config.yaml", ["mining.select=[similarity-max:0.2]"])
    again = run_pipeline(stricter, output, until="filter")
    assert again["filter"]["mined_dropped"] > verdicts.num_rows
    assert before == {
        path: path.stat().st_mtime_ns for path in (output / "pool/negatives").iterdir()
    }
    # What is mined is another matter.
    with pytest.raises(InputError, match=r"mining\.depth"):
        run_pipeline(load_config(output / "config.yaml", ["mining.depth=5"]), output, until="mine")
