"""The analysis of a query: what a relevant document must meet, and how to break one part of it.

After CausalNeg ("When Hard Negatives Hurt", arXiv 2606.01304), remedy 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from syneg.llm.protocol import ChatAnswer
from syneg.synthesis.attributes import draw_number, draw_place
from syneg.synthesis.forms import Reading, read_list, read_object, string_at, strings_at

NO_REQUIREMENTS = "the analysis names fewer than two requirements"


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that a relevant document meets.

    Attributes:
        text: What it is.
        ways: What could take its place; may be empty.
    """

    text: str
    ways: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """What makes a document relevant to a query.

    Attributes:
        core_need: What must be learned or found.
        positive_answer: How the positive gives it.
        answer_boundary: What counts as an answer, and what does not any more.
        requirements: What a relevant document meets, two or more.
    """

    core_need: str
    positive_answer: str
    answer_boundary: str
    requirements: tuple[Requirement, ...]

    def to_break(self, sample: int, *parts: str | int) -> tuple[int, str]:
        """Return which requirement a sample breaks, and a way to do it.

        The samples of a query go through all requirements before one is broken again.

        Args:
            sample: Number of the sample, from 0.
            parts: What else the draw depends on.

        Returns:
            The requirement's place, and one of its ways, "" where it has none.
        """
        place = draw_place(len(self.requirements), sample, *parts, "requirement")
        ways = self.requirements[place].ways
        if not ways:
            return place, ""
        # When it is broken again, another way is taken.
        first = draw_number(*parts, "way", place)
        return place, ways[(first + sample // len(self.requirements)) % len(ways)]


def read_analysis(answer: ChatAnswer) -> Reading[Analysis]:
    """Return the analysis that an answer holds; whole from two requirements.

    Example:
        >>> text = '{"requirements": [{"requirement": "a"}, {"requirement": "b"}]}'
        >>> one = ChatAnswer(text=text, finish="stop", prompt_tokens=None,
        ...                  completion_tokens=None, seconds=0.1)
        >>> [found.text for found in read_analysis(one).value.requirements]
        ['a', 'b']
    """
    found = read_object(answer)
    if found.value is None:
        return Reading(None, f"analysis: {found.problem}", found.mendable)
    content = found.value
    by_text = {
        text: Requirement(text, tuple(strings_at(one, "ways_to_break")))
        for one in reversed(read_list(content, "requirements"))
        if (text := string_at(one, "requirement"))
    }
    if len(by_text) < 2:
        # With one requirement, breaking it leaves nothing that makes the text hard.
        return Reading(None, NO_REQUIREMENTS)
    return Reading(
        Analysis(
            core_need=string_at(content, "core_need"),
            positive_answer=string_at(content, "positive_answer"),
            answer_boundary=string_at(content, "answer_boundary"),
            requirements=tuple(reversed(by_text.values())),
        )
    )
