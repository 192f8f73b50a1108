"""The little language of selection: `rank:1-30 perc-pos:0.95 top`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from syneg.errors import InputError, nearest
from syneg.files import value_hash
from syneg.mining.rule_kinds import KINDS, RuleKind

_VERSION = 1
# What removed a candidate is kept in one byte.
_MOST = 100
_RANKS = re.compile(r"(\d*)(-?)(\d*)")
_NEEDED = {"simans": ("a", "b")}


@dataclass(frozen=True)
class Rule:
    """One rule with its values.

    Attributes:
        name: A key of `KINDS`.
        values: The values by name, in the order of the kind's parameters.

    Example:
        >>> Rule("perc-pos", (("share", 0.95),)).text
        'perc-pos:0.95'
    """

    name: str
    values: tuple[tuple[str, float], ...] = ()

    @property
    def kind(self) -> RuleKind:
        """What kind of rule it is."""
        return KINDS[self.name]

    @property
    def text(self) -> str:
        """The rule as one writes it."""
        if self.name == "rank":
            first, last = (value for _, value in self.values)
            return f"rank:{_shown(first)}-{'' if math.isinf(last) else _shown(last)}"
        if not self.values:
            return self.name
        if len(self.values) == 1 and self.values[0][0] == self.kind.parameters[0]:
            return f"{self.name}:{_shown(self.values[0][1])}"
        return f"{self.name}:" + ",".join(f"{key}={_shown(value)}" for key, value in self.values)

    @property
    def count(self) -> int | None:
        """How many a sampler leaves; None where it does not say."""
        count = dict(self.values).get("n")
        return None if count is None else int(count)

    def fingerprint(self, reference: str, seed: int) -> str:
        """Return a hash of all that decides what the rule removes.

        Args:
            reference: Which positive counts.
            seed: Of what is drawn.
        """
        parts = [
            self.name,
            _VERSION,
            self.values,
            reference if self.kind.reference else None,
            seed if self.kind.sampler else None,
        ]
        return value_hash(parts)


def parse_rules(texts: Sequence[str], *, field: str = "select") -> tuple[Rule, ...]:
    """Read rules, each `name`, `name:value` or `name:key=value,key=value`.

    A text may hold several, parted by spaces. A sampler (`top`, `random`, `simans`) chooses
    among what the others leave, so it comes last and there is at most one.

    Args:
        texts: For example ["rank:1-30", "perc-pos:0.95", "top"].
        field: What errors call the place.

    Raises:
        InputError: There is no such rule (the nearest one is named), or a value is wrong.

    Example:
        >>> [rule.text for rule in parse_rules(["rank:-30 perc-pos:0.95", "simans:a=0.5,b=0"])]
        ['rank:1-30', 'perc-pos:0.95', 'simans:a=0.5,b=0']
        >>> parse_rules(["perc-poss:0.95"])
        Traceback (most recent call last):
        ...
        syneg.errors.InputError: field 'select': there is no such rule (got 'perc-poss:0.95'); \
did you mean 'perc-pos:0.95'?
    """
    rules = tuple(_parse(one, field) for text in texts for one in text.split())
    if len(rules) > _MOST:
        raise InputError(
            f"there are {len(rules)} rules", field=field, remedy=f"give at most {_MOST}"
        )
    samplers = [rule.text for rule in rules if rule.kind.sampler]
    if len(samplers) > 1:
        raise InputError(
            f"there are several rules that choose ({', '.join(samplers)})",
            field=field,
            remedy="keep one of them",
        )
    if samplers and not rules[-1].kind.sampler:
        raise InputError(
            "the rule that chooses stands before others",
            field=field,
            value=samplers[0],
            remedy="put it last",
        )
    return rules


def known_rules() -> str:
    """Return every rule with what it does, a line each."""
    return "\n".join(f"{kind.form}: {kind.what}" for kind in KINDS.values())


def _parse(text: str, field: str) -> Rule:
    name, colon, rest = text.partition(":")
    kind = KINDS.get(name)
    if kind is None:
        close = nearest(name, KINDS)
        remedy = f"did you mean '{KINDS[close].form}'?" if close else f"one of: {', '.join(KINDS)}"
        raise InputError("there is no such rule", field=field, value=text, remedy=remedy)
    if name == "rank":
        values = _ranks(rest)
    elif colon and not rest:
        values = None
    else:
        values = _values(rest, kind, name)
    if values is None:
        raise InputError(
            "the rule's values cannot be read",
            field=field,
            value=text,
            remedy=f"write it like {kind.form}",
        )
    wrong = kind.check(values)
    if wrong:
        raise InputError(wrong, field=field, value=text, remedy=f"write it like {kind.form}")
    return Rule(name, tuple(values.items()))


def _shown(value: float) -> str:
    return repr(value).removesuffix(".0")


def _ranks(text: str) -> dict[str, float] | None:
    found = _RANKS.fullmatch(text)
    if found is None or not (found[1] or found[3]):
        return None
    if not found[2]:
        return {"first": 1.0, "last": float(text)}
    return {"first": float(found[1] or 1), "last": float(found[3] or math.inf)}


def _values(text: str, kind: RuleKind, name: str) -> dict[str, float] | None:
    found: dict[str, float] = {}
    for number, part in enumerate(text.split(",") if text else []):
        key, equals, value = part.rpartition("=")
        if not equals:
            if number:
                return None
            key = kind.parameters[0]
        try:
            parsed = float(value)
        except ValueError:
            return None
        if key not in kind.parameters or key in found or math.isnan(parsed):
            return None
        found[key] = parsed
    needed = _NEEDED.get(name, () if kind.sampler else kind.parameters)
    if any(key not in found for key in needed):
        return None
    return {key: found[key] for key in kind.parameters if key in found}
