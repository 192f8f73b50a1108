from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.errors import InputError
from syneg.mixing.mixer import Mixture, mix
from syneg.mixing.options import MixingOptions
from syneg.negatives.record import Negative, negative_identity, to_table
from syneg.negatives.verdict import Decision, Verdict, now, verdicts_to_table

PAIRS = [(f"q{number}", f"p{number}") for number in range(12)]


def mined(query: str, source: str, doc: str, rank: int) -> Negative:
    return Negative(
        negative_id=negative_identity(query, f"p{query[1:]}", source, doc),
        query_id=query,
        positive_id=f"p{query[1:]}",
        source=source,
        doc_id=doc,
        rank=rank,
    )


def written(query: str, text: str) -> Negative:
    return Negative(
        negative_id=negative_identity(query, f"p{query[1:]}", "llm", text),
        query_id=query,
        positive_id=f"p{query[1:]}",
        source="llm",
        text=text,
    )


def pool(*, synthetic: int = 12, retrieved: int = 6) -> list[Negative]:
    rows = []
    for number, (query, _) in enumerate(PAIRS):
        for place in range(retrieved):
            rows.append(mined(query, "bm25", f"b{place}", place + 1))
            rows.append(mined(query, "dense", f"b{place + 2}", place + 1))
        rows += [mined(query, "random", f"r{place}", place + 1) for place in range(5)]
        if number < synthetic:
            rows.append(written(query, f"text for {query}"))
    return rows


def dropped(*rows: Negative) -> list[Verdict]:
    return [
        Verdict(
            negative_id=row.negative_id,
            filter="copy",
            fingerprint="f",
            decision=Decision.DROP,
            time=now(),
        )
        for row in rows
    ]


def mixed(rows: list[Negative], verdicts: list[Verdict] = [], **options) -> Mixture:  # noqa: B006
    seed = options.pop("seed", 0)
    return mix(
        PAIRS, to_table(rows), verdicts_to_table(verdicts), MixingOptions(**options), seed=seed
    )


def as_dict(mixture: Mixture) -> dict[str, list[str]]:
    return {row["query_id"]: row["negative_ids"] for row in mixture.instances.to_pylist()}


def test_every_instance_has_both_kinds() -> None:
    result = mixed(pool(), synthetic=1, retrieved=3)
    for row in result.instances.to_pylist():
        assert row["sources"].count("llm") == 1
        assert len(row["negative_ids"]) == len(set(row["negative_ids"])) == 4
    assert result.by_source["llm"] == len(PAIRS)
    assert (result.fallback, result.filled, result.repeated) == (0, 0, 0)


def test_without_a_synthetic_negative_retrieved_ones_take_its_place() -> None:
    result = mixed(pool(synthetic=5), synthetic=1, retrieved=3)
    assert result.fallback == len(PAIRS) - 5
    assert {len(ids) for ids in as_dict(result).values()} == {4}


@given(st.integers(0, 2**32), st.integers(1, 5))
def test_neither_order_nor_other_queries_change_an_instance(seed: int, few: int) -> None:
    rows = pool()
    expected = as_dict(mixed(rows, seed=3))
    shuffled = rows[:]
    random.Random(seed).shuffle(shuffled)
    assert as_dict(mixed(shuffled, seed=3)) == expected
    some = {query for query, _ in PAIRS[:few]}
    alone = mix(
        PAIRS[:few],
        to_table([row for row in rows if row.query_id in some]),
        verdicts_to_table([]),
        MixingOptions(),
        seed=3,
    )
    assert as_dict(alone) == {query: expected[query] for query in some}


def test_the_seed_changes_the_draw() -> None:
    assert as_dict(mixed(pool(), seed=1)) != as_dict(mixed(pool(), seed=2))


def test_what_a_verdict_drops_is_never_used() -> None:
    rows = pool()
    bad = [row for row in rows if row.doc_id in {"b0", "b3"} or row.query_id == "q4"]
    result = mixed(rows, dropped(*[row for row in bad if row.source != "random"]))
    used = {one for ids in as_dict(result).values() for one in ids}
    assert not used & {row.negative_id for row in bad if row.source != "random"}
    # Query q4 has only random documents left.
    assert result.filled >= 4
    assert result.fallback == 1


def test_no_document_twice_in_an_instance() -> None:
    rows = {row.negative_id: row for row in pool()}
    result = mixed(list(rows.values()), synthetic=0, retrieved=8)
    for ids in as_dict(result).values():
        documents = [rows[one].doc_id for one in ids]
        assert len(documents) == len(set(documents))


def test_the_window_cuts_the_ranks() -> None:
    rows = {row.negative_id: row for row in pool()}
    result = mixed(list(rows.values()), synthetic=0, retrieved=2, window=2, sources=("bm25",))
    assert {rows[one].doc_id for ids in as_dict(result).values() for one in ids} == {"b0", "b1"}


def test_the_window_counts_what_stands() -> None:
    rows = {row.negative_id: row for row in pool()}
    nearest = [row for row in rows.values() if row.doc_id in ("b0", "b1")]
    result = mixed(
        list(rows.values()),
        dropped(*nearest),
        synthetic=0,
        retrieved=2,
        window=2,
        sources=("bm25",),
    )
    assert {rows[one].doc_id for ids in as_dict(result).values() for one in ids} == {"b2", "b3"}


def test_a_low_yield_means_mined_only() -> None:
    rows = pool()
    failed = [row for row in rows if row.source == "llm"][1:]
    result = mixed(rows, dropped(*failed), minimum_yield=0.1)
    assert result.synthetic_accepted == 1
    assert not result.synthetic_used
    assert "llm" not in result.by_source
    assert result.fallback == 0


def test_too_small_a_corpus_is_counted_not_hidden() -> None:
    rows = [mined("q0", "bm25", "b0", 1)]
    result = mix(PAIRS[:1], to_table(rows), verdicts_to_table([]), MixingOptions())
    assert result.repeated == 3
    assert len(as_dict(result)["q0"]) == 4


def test_pairs_without_any_negative_are_left_out_and_counted() -> None:
    rows = [row for row in pool() if row.query_id == "q1"]
    result = mixed(rows)
    assert list(as_dict(result)) == ["q1"]
    assert result.without_negatives == len(PAIRS) - 1


def test_nothing_at_all_is_an_error_with_a_way_out() -> None:
    with pytest.raises(InputError, match=r"in-batch negatives alone"):
        mixed([])


def test_in_batch_only_needs_no_negatives() -> None:
    result = mixed([], synthetic=0, retrieved=0)
    assert result.instances.num_rows == len(PAIRS)


def test_positives_per_query_are_limited() -> None:
    pairs = [("q0", f"p{number}") for number in range(9)]
    result = mix(
        pairs, to_table(pool()), verdicts_to_table([]), MixingOptions(positives_per_query=4)
    )
    assert result.instances["positive_id"].to_pylist() == ["p0", "p1", "p2", "p3"]


def test_direct_mixing_leaves_some_instances_with_one_kind() -> None:
    rows = [*pool(), *(written(q, f"{n}. text for {q}") for q, _ in PAIRS for n in range(4))]
    counts = []
    for seed in range(40):
        result = mixed(rows, mode="direct", synthetic=1, retrieved=3, seed=seed)
        counts += [one["sources"].count("llm") for one in result.instances.to_pylist()]
        assert {len(ids) for ids in as_dict(result).values()} == {4}
    assert 0 in counts and max(counts) > 1
    # One in four on average, as under hybrid mixing: 480 draws of 4, each synthetic with 1/4.
    assert abs(sum(counts) / len(counts) - 1) < 0.15


def test_what_was_judged_relevant_is_a_positive_with_an_instance_of_its_own() -> None:
    text, document = written("q0", "it answers the question"), mined("q1", "dense", "d9", 1)
    rows = [*pool(), text, document]
    relabel = [
        Verdict(
            negative_id=row.negative_id,
            filter="judge",
            fingerprint="f",
            decision=Decision.RELABEL,
            time=now(),
        )
        for row in (text, document)
    ]
    result = mixed(rows, relabel)
    assert result.relabelled == 2
    assert result.instances.num_rows == len(PAIRS) + 2
    added = result.instances.slice(len(PAIRS)).to_pylist()
    assert [(one["query_id"], one["positive_id"]) for one in added] == [
        ("q0", text.negative_id),
        ("q1", "d9"),
    ]
    used = {one for ids in result.instances["negative_ids"].to_pylist() for one in ids}
    assert not used & {text.negative_id, document.negative_id}


def test_what_one_source_found_relevant_is_no_negative_from_another() -> None:
    rows = [mined("q0", source, doc, 1) for source in ("bm25", "dense", "random")
            for doc in ("a", "b", "c")]  # fmt: skip
    said = Verdict(
        negative_id=rows[0].negative_id,
        filter="review",
        fingerprint="f",
        decision=Decision.RELABEL,
        reviewer="Ada",
        time=now(),
    )
    options = MixingOptions(synthetic=0, retrieved=2)
    result = mix(PAIRS[:1], to_table(rows), verdicts_to_table([said]), options)
    documents = {row.negative_id: row.doc_id for row in rows}
    found = {
        row["positive_id"]: sorted(documents[one] for one in row["negative_ids"])
        for row in result.instances.to_pylist()
    }
    assert found == {"p0": ["b", "c"], "a": ["b", "c"]}


def test_the_order_of_many_pairs_changes_none_of_them() -> None:
    rows = [mined(f"q{number}", "bm25", f"d{number}-{place}", place)
            for number in range(2_600) for place in (1, 2, 3)]  # fmt: skip
    pairs = [(f"q{number % 2_600}", f"p{number}") for number in range(5_200)]
    shuffled = random.Random(0).sample(pairs, len(pairs))
    options = MixingOptions(synthetic=0, retrieved=2)
    one, other = (
        mix(given, to_table(rows), verdicts_to_table([]), options) for given in (pairs, shuffled)
    )
    found = one.instances.to_pylist()
    assert [(row["query_id"], row["positive_id"]) for row in found] == pairs
    assert sorted(found, key=str) == sorted(other.instances.to_pylist(), key=str)
    owners = {row.negative_id: row.query_id for row in rows}
    assert all(owners[name] == row["query_id"] for row in found for name in row["negative_ids"])
