"""Which exercise a text names: the published rule, kept for comparison, and ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

_SEPARATOR = re.compile(r"\s[-–—]\s|\s*[–—]\s*|:\s")
_VARIANT = re.compile(r"\(([^()]*)\)")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_EDITS_PER_LETTER = 0.15


def compat_exercise(text: str) -> str:
    """Return the exercise by the rule of QVED 1.0: the text before the first hyphen, stripped, lower case.

    Kept so that published figures can be reproduced. Its faults are known: "cat-cow pose" becomes
    "cat", "(right arm)" makes another exercise, a text without a hyphen is an exercise as a whole.

    Example:
        >>> compat_exercise("Cat-cow pose - keep going")
        'cat'
    """
    return text.split("-", 1)[0].strip().lower()


def is_compat_match(prediction: str, reference: str) -> bool:
    """Return whether both name the same exercise by the rule of QVED 1.0; an empty name never matches."""
    predicted = compat_exercise(prediction)
    return bool(predicted) and predicted == compat_exercise(reference)


def split_answer(text: str) -> tuple[str, str]:
    """Split an answer ``"<exercise> - <feedback>"`` at its first separator.

    A separator is a hyphen with a space on both sides, an en or em dash, or a colon with a space.

    Returns:
        Exercise and feedback; without a separator the exercise is empty and all is feedback.

    Example:
        >>> split_answer("cat-cow pose - lift your chest")
        ('cat-cow pose', 'lift your chest')
    """
    found = _SEPARATOR.search(text)
    if not found:
        return "", text.strip()
    return text[: found.start()].strip(), text[found.end() :].strip()


def normalise_name(name: str) -> str:
    """Return a name in lower case, without variant in parentheses, with single spaces for all else.

    Example:
        >>> normalise_name("Tricep_Stretch (right arm)")
        'tricep stretch'
    """
    return " ".join(_NOT_WORD.sub(" ", _VARIANT.sub(" ", name).lower()).split())


def variant_of(name: str) -> str | None:
    """Return what stands in parentheses after a name, or None.

    Example:
        >>> variant_of("tricep stretch (Right arm) - hold it")
        'right arm'
    """
    found = _VARIANT.search(split_answer(name)[0] or name)
    return found.group(1).strip().lower() if found else None


@dataclass(frozen=True)
class ExerciseCatalogue:
    """The exercises there are, and how to recognise one in a text.

    Args:
        classes: The canonical names, e.g. ``("squats", "cat-cow_pose")``.
        aliases: Further names of a class, e.g. ``{"push-ups": "pushups"}``.
    """

    classes: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.aliases.values()) - set(self.classes))
        if unknown:
            raise ValueError(f"aliases point to {unknown}, which are not among the classes {sorted(self.classes)}.")

    def __len__(self) -> int:
        """Return how many exercises there are."""
        return len(self.classes)

    def identify(self, text: str) -> str | None:
        """Return the class that ``text`` names, or None if it cannot be told.

        The part before the separator is compared first: equal after normalisation, equal without
        spaces, or within an edit for about every seven letters of exactly one class. Otherwise the one
        class that is mentioned there (or, without a separator, anywhere) as whole words. Two different
        classes mentioned, or none, is None: a guess is not an identification.

        Example:
            >>> ExerciseCatalogue(("squats", "cat-cow_pose")).identify("Cat cow pose - lift your chest")
            'cat-cow_pose'
            >>> ExerciseCatalogue(("squats", "cat-cow_pose")).identify("keep your back straight") is None
            True
        """
        if text not in self._identified:
            self._identified[text] = self._identify(text)
        return self._identified[text]

    @cached_property
    def _identified(self) -> dict[str, str | None]:
        # One text is asked about by metrics, baselines and reports, and answers recur.
        return {}

    def _identify(self, text: str) -> str | None:
        head, _ = split_answer(text)
        for candidate in (head, text if not head else ""):
            name = normalise_name(candidate)
            if name and (found := self._match_name(name) or self._match_mention(name)):
                return found
        return None

    @cached_property
    def _names(self) -> dict[str, str]:
        names = {normalise_name(alias): target for alias, target in self.aliases.items()}
        return names | {normalise_name(name): name for name in self.classes}

    def _match_name(self, name: str) -> str | None:
        names = self._names
        if name in names:
            return names[name]
        compact = {known.replace(" ", ""): target for known, target in names.items()}
        if name.replace(" ", "") in compact:
            return compact[name.replace(" ", "")]
        near = {target for known, target in compact.items() if _is_near(name.replace(" ", ""), known)}
        return near.pop() if len(near) == 1 else None

    def _match_mention(self, text: str) -> str | None:
        names = self._names
        padded = f" {text} "
        mentioned = [known for known in names if f" {known} " in padded]
        # "high plank" mentions the plank inside it only by the way: the longest name counts.
        whole = [
            known
            for known in mentioned
            if not any(known != other and f" {known} " in f" {other} " for other in mentioned)
        ]
        found = {names[known] for known in whole}
        return found.pop() if len(found) == 1 else None


def derive_catalogue(
    labels: Iterable[str | None], answers: Iterable[str], aliases: Mapping[str, str] | None = None
) -> ExerciseCatalogue:
    """Return the catalogue of a data set from its labels, or from its answers where it has none.

    Args:
        labels: Class of each sample; None where unknown.
        answers: The reference answer of each sample.
        aliases: Further names; those of classes the data set does not have are left out.
    """
    names = {label for label in labels if label}
    if not names:
        names = {normalise_name(head) for answer in answers if (head := split_answer(answer)[0])}
    known = {alias: target for alias, target in (aliases or {}).items() if target in names}
    return ExerciseCatalogue(tuple(sorted(names)), known)


def edit_distance(first: str, second: str, limit: int) -> int:
    """Return the Levenshtein distance, or ``limit + 1`` once it is certain to be larger.

    Example:
        >>> edit_distance("squats", "squts", limit=2)
        1
    """
    if abs(len(first) - len(second)) > limit:
        return limit + 1
    row: Sequence[int] = range(len(second) + 1)
    for index, letter in enumerate(first, start=1):
        following = [index]
        for column, other in enumerate(second, start=1):
            following.append(min(row[column] + 1, following[-1] + 1, row[column - 1] + (letter != other)))
        if min(following) > limit:
            return limit + 1
        row = following
    return row[-1]


def _is_near(name: str, known: str) -> bool:
    limit = round(_EDITS_PER_LETTER * len(known))
    return edit_distance(name, known, limit) <= limit
