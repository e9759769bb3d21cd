"""What was decided of pairs, as pictures to learn from: what is alike is a class, what was told apart a hard negative.

`same` and `same-object` say that two pictures are alike, `different` that they are not. `fraud` and `cleared` are
about a picture's honesty and say nothing of likeness.
"""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from indexer import durable
from indexer.contents import sound_files
from indexer.dataset import Example
from indexer.decisions import Decisions, DecisionVerdict
from indexer.encoding import Progress, no_progress
from indexer.errors import UsageRefused
from indexer.remote import is_remote
from indexer.store import Store
from indexer.tables import Decision, Item
from retrieval.connected import connected

CONFUSABLE = "confusable"
_MEANS = {
    DecisionVerdict.SAME: DecisionVerdict.SAME,
    DecisionVerdict.SAME_OBJECT: DecisionVerdict.SAME,
    DecisionVerdict.DIFFERENT: DecisionVerdict.DIFFERENT,
}


@dataclass(frozen=True)
class DecidedExamples:
    """The pictures to learn from, those of the data set first, and what became of the decisions.

    All have the attribute `CONFUSABLE`: classes that decisions connect, whatever they say, share its value.

    ``pairs`` counts the decisions on likeness, ``pictures`` the contents that they added. Left out are those ``gone``
    (or changed, or unreadable) from where the index knows them, and those ``ambiguous``, alike to several labels of
    the data set; ``overruled`` counts decisions that the data set's labels contradict. ``sha256`` (hex) names the
    added contents with their labels and attributes, wherever they lie.
    """

    examples: list[Example]
    store: str
    pairs: int
    pictures: int
    gone: int
    ambiguous: int
    overruled: int
    sha256: str

    @property
    def facts(self) -> dict[str, Any]:
        """What is worth telling of it, as plain values."""
        return {name: value for name, value in vars(self).items() if name not in {"examples", "sha256"}}


def decided_examples(
    store: Store, named: Sequence[Example] = (), progress: Progress = no_progress
) -> DecidedExamples:
    """Add the decided contents to the examples of a data set, each content once, by SHA-256.

    Contents that chains of ``same`` and ``same-object`` connect are one class: the data set's, if it names one of
    them. What is only different from others is a class of its own. What the data set names keeps its label.

    Raises:
        UsageRefused: nothing was decided, nothing of it is left, or a chain connects what was decided ``different``.
        StoreDamaged: a row is not what was written.
    """
    with store.database.reading() as connection:
        decisions = Decisions.read(connection)
        places = _places(connection)
    likeness = Decisions(
        {pair: _MEANS[verdict] for pair, verdict in decisions.verdicts.items() if verdict in _MEANS}
    )
    if not likeness:
        raise UsageRefused(
            "no pair is decided same, same-object or different", "decide some: index decide A B same"
        )
    _refuse_contradictions(likeness, store, places)
    labels = _labels(named, progress)
    class_of, unsure = _classes(likeness, labels)
    group_of = _groups(likeness, class_of, named)
    missing = sorted(class_of.keys() - labels.keys())
    found = {
        content: place for content in missing if (place := _place(store, content, places.get(content, ())))
    }
    added = {
        content: Example(path, class_of[content], attributes | {CONFUSABLE: group_of[class_of[content]]})
        for content, (path, attributes) in found.items()
        if content not in unsure
    }
    examples = [
        Example(one.path, one.label, {**one.attributes, CONFUSABLE: group_of[one.label]}) for one in named
    ]
    if not examples and not added:
        raise UsageRefused(
            f"none of the {len(missing)} decided pictures lies where the index knows it",
            "bring the index up to date: index build",
        )
    learned = labels.keys() | added.keys()
    return DecidedExamples(
        examples=examples + list(added.values()),
        store=str(store.path),
        pairs=len(likeness),
        pictures=len(added),
        gone=len(missing) - len(found),
        ambiguous=len(found) - len(added),
        overruled=sum(
            (class_of[a] == class_of[b]) != (verdict is DecisionVerdict.SAME)
            for a, b, verdict in likeness.pairs()
            if a in learned and b in learned
        ),
        sha256=_fingerprint(added),
    )


def _places(connection: Connection) -> dict[bytes, list[Any]]:
    """Return the `files` rows of each decided content, by path."""
    decided = select(Decision.first_sha256).union(select(Decision.second_sha256))
    places: dict[bytes, list[Any]] = defaultdict(list)
    for row in sound_files(connection, Item.sha256.in_(decided)):
        places[row.sha256].append(row)
    return places


def _place(store: Store, content: bytes, rows: Sequence[Any]) -> tuple[str, dict[str, str]] | None:
    """Return the first path, with its attributes, at which a content lies indeed."""
    for row in rows:
        path = store.absolute_path(row.path)
        if _sha256(path) == content:
            return path, row.attributes
    return None


def _refuse_contradictions(likeness: Decisions, store: Store, places: Mapping[bytes, Sequence[Any]]) -> None:
    wrong = likeness.contradictions()
    if not wrong:
        return
    first, second = (
        store.shown_path(places[content][0].path) if content in places else content.hex()
        for content in wrong[0]
    )
    more = f" (and {len(wrong) - 1} more such pairs)" if len(wrong) > 1 else ""
    raise UsageRefused(
        f"{first} and {second} are decided different, but a chain of `same` and `same-object` joins them{more}",
        f"decide these two anew: index decide {first} {second} VERDICT; or one of the chain, see index decide --list",
    )


def _labels(named: Sequence[Example], progress: Progress) -> dict[bytes, set[str]]:
    """Return the labels that a data set gives to each content; what cannot be read has none."""
    labels: dict[bytes, set[str]] = {}
    for done, example in enumerate(named, start=1):
        content = _sha256(example.path)
        if content is not None:
            labels.setdefault(content, set()).add(example.label)
        progress(done, len(named))
    return labels


def _sha256(path: str) -> bytes | None:
    if is_remote(path):
        return None  # training reads its pictures many times, from disk
    try:
        return bytes.fromhex(durable.sha256_of(Path(path))) if os.path.isfile(path) else None
    except OSError:
        return None


def _classes(
    likeness: Decisions, labels: Mapping[bytes, Collection[str]]
) -> tuple[dict[bytes, str], set[bytes]]:
    """Name the class of each decided content; return also the contents that are alike to several labels.

    A class of its own is named after its smallest SHA-256, so that the same decisions give the same names anywhere.
    """
    links = [
        link
        for a, b, verdict in likeness.pairs()
        for link in ([(a, b)] if verdict is DecisionVerdict.SAME else [(a, a), (b, b)])
    ]
    class_of, unsure = {}, set()
    for contents in connected(links):
        given = {label for content in contents for label in labels.get(content, ())}
        name = next(iter(given)) if len(given) == 1 else f"decided {contents[0].hex()}"
        for content in contents:
            own = labels.get(content, ())
            class_of[content] = next(iter(own)) if len(own) == 1 else name
        if len(given) > 1:
            unsure.update(contents)
    return class_of, unsure


def _groups(likeness: Decisions, class_of: Mapping[bytes, str], named: Sequence[Example]) -> dict[str, str]:
    """Number what decisions connect, class by class; a class of which nothing is decided is alone."""
    links = [(example.label, example.label) for example in named]
    links += [(class_of[a], class_of[b]) for a, b, _ in likeness.pairs()]
    return {name: str(number) for number, names in enumerate(connected(links)) for name in names}


def _fingerprint(added: Mapping[bytes, Example]) -> str:
    document = [[content.hex(), one.label, dict(one.attributes)] for content, one in added.items()]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
