"""The plans that come with syneg, and parts of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from syneg.errors import InputError, nearest
from syneg.studies.plan import StudyPlan, read_plan

TIERS = ("full", "smoke")


def plan_names() -> list[str]:
    """Return the names of the plans that come with syneg.

    Example:
        >>> "remedies" in plan_names()
        True
    """
    files = resources.files("syneg.studies").joinpath("plans").iterdir()
    return sorted({file.name.rpartition("-")[0] for file in files if file.name.endswith(".yaml")})


def load_plan(name: str, tier: str = "full") -> StudyPlan:
    """Return a plan that comes with syneg, or one from a YAML file.

    Args:
        name: A name from `plan_names`, or the path of a YAML file.
        tier: "full" or "smoke"; the latter takes the plan's smallest form.

    Raises:
        InputError: There is no such plan or tier, or the file is not valid.

    Example:
        >>> len(load_plan("remedies", "smoke").seeds)
        1
    """
    if tier not in TIERS:
        raise InputError(
            "is no tier", field="--tier", value=tier, remedy=f"one of: {', '.join(TIERS)}"
        )
    file = Path(name)
    if file.suffix in (".yaml", ".yml"):
        return _small(read_plan(file)) if tier == "smoke" else read_plan(file)
    known = plan_names()
    if name not in known:
        close = nearest(name, known)
        raise InputError(
            "is no plan that comes with syneg",
            field="plan",
            value=name,
            remedy=f"one of: {', '.join(known)}, or a YAML file"
            + (f"; did you mean {close!r}?" if close else ""),
        )
    folder = resources.files("syneg.studies").joinpath("plans")
    own = folder.joinpath(f"{name}-{tier}.yaml")
    with resources.as_file(own if own.is_file() else folder.joinpath(f"{name}-full.yaml")) as path:
        return read_plan(path) if own.is_file() else _small(read_plan(path))


def _small(plan: StudyPlan) -> StudyPlan:
    """Return a plan without a smoke tier of its own as a smoke test of itself."""
    return plan.model_copy(
        update={
            "seeds": plan.seeds[:1],
            "grid": {key: values[:1] for key, values in plan.grid.items()},
            "queries": min(plan.queries or 64, 64),
            "documents": min(plan.documents or 600, 600),
        }
    )


def chosen_part(
    plan: StudyPlan,
    *,
    arms: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    seeds: int | None = None,
) -> StudyPlan:
    """Return a plan with only some of its arms, data sets and seeds; None keeps all.

    Raises:
        InputError: The plan has no such arm or data set.
    """
    names = [arm.name for arm in plan.arms]
    _check("--arm", arms or (), names)
    _check("--dataset", datasets or (), [data.name for data in plan.data])
    kept = tuple(arm for arm in plan.arms if not arms or arm.name in arms)
    left = {arm.name for arm in kept}
    groups = plan.hypothesis
    if groups is not None:
        first, second = (tuple(name for name in group if name in left) for group in groups)
        groups = (first, second) if first and second else None
    return plan.model_copy(
        update={
            "arms": kept,
            "data": tuple(one for one in plan.data if not datasets or one.name in datasets),
            "seeds": plan.seeds[:seeds],
            "hypothesis": groups,
        }
    )


def _check(field: str, given: Sequence[str], known: Sequence[str]) -> None:
    for one in given:
        if one not in known:
            raise InputError(
                "is not in the plan", field=field, value=one, remedy=f"one of: {', '.join(known)}"
            )
