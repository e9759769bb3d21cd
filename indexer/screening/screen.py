"""The flow of a screening: images are encoded, what the index holds near them is read, and the rules judge.

Nothing is written. All that is read of a batch is one snapshot of the index; pixels are compared after it was let go.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, select

from indexer.decoding.sandbox import Sandbox
from indexer.errors import UsageRefused
from indexer.images import QueryImage
from indexer.lookup import Gallery
from indexer.query import encode
from indexer.remote import absolute, place_of
from indexer.screening.facts import Case, Facts, Genuine, Neighbour, Relation
from indexer.screening.genuine import GenuineLabels
from indexer.screening.neighbours import NEAREST, Surroundings
from indexer.screening.options import CONTRADICTION, NOT_GENUINE, REUSED, ScreenOptions
from indexer.screening.relations import Relations
from indexer.screening.report import ScreenedImage, ScreenReport
from indexer.screening.rules import RULES
from indexer.screening.rules.cleared import clear
from indexer.settings import Settings
from indexer.store import Store
from indexer.tables import File

LABEL = "label"
_AT_ONCE = 64  # images, whose pixels are in memory together

# An image to be judged, and the same as `read_images` takes it.
Incoming = tuple[Case, Any]


def screen(
    gallery: Gallery,
    images: Sequence[Any],
    sandbox: Sandbox,
    options: ScreenOptions,
    claims: Sequence[Mapping[str, str]] | None = None,
) -> ScreenReport:
    """Judge images from outside, in the order given; ``claims`` are what is said of each: owner, key, label.

    Each is decoded and encoded once. A file that is in the index is judged as if its path were not.

    Raises:
        UsageRefused: no file of the index has the attribute that is the owner or the key; the encoder's vectors
            cannot be compared by cosine.
        WrongEncoder, StoreDamaged: the index cannot be trusted to answer.
    """
    said = list(claims) if claims is not None else [{}] * len(images)
    screened: list[ScreenedImage] = []
    for start in range(0, len(images), _AT_ONCE):
        part = images[start : start + _AT_ONCE]
        ready, vectors = encode(gallery, part, sandbox)
        cases: dict[int, Incoming] = {}
        for place, (entry, image) in enumerate(zip(ready, part, strict=True)):
            if entry.picture is not None:
                own = {space: rows[len(cases)] for space, rows in vectors.items()}
                path = _stored_path(gallery.store, image)
                case = Case(entry.name, entry.sha256, said[start + place], own, path)
                cases[place] = case, image
        judged = iter(_judged(gallery, sandbox, options, partial(_as_given, list(cases.values()))))
        screened += [
            next(judged) if place in cases else _unusable(entry, said[start + place])
            for place, entry in enumerate(ready)
        ]
    return ScreenReport(screened)


def screen_items(
    store: Store, settings: Settings, item_ids: Sequence[int], options: ScreenOptions
) -> list[ScreenedImage]:
    """Judge pictures of the index against all others in it, by their stored vectors; in the order of ``item_ids``.

    What is claimed of a picture are the attributes and the label of its first file, by path.

    Raises:
        UsageRefused: as for `screen`.
        StoreDamaged: a row is not what was written, or there is no such item.
    """
    gallery, screened = Gallery(store), list[ScreenedImage]()
    with Sandbox(limits=settings.limits, workers=min(NEAREST, settings.jobs)) as sandbox:
        for start in range(0, len(item_ids), _AT_ONCE):
            part = item_ids[start : start + _AT_ONCE]
            screened += _judged(gallery, sandbox, options, partial(_of_items, store, part))
    return screened


def _as_given(incoming: list[Incoming], around: Surroundings) -> list[Incoming]:  # noqa: ARG001  (as `_of_items`)
    return incoming


def _of_items(store: Store, ids: Sequence[int], around: Surroundings) -> list[Incoming]:
    by_space = {space.name: around.read(space, ids) for space in (around.copy, around.object)}
    incoming: list[Incoming] = []
    for id_ in ids:
        facts = by_space[around.copy.name][id_]
        first = facts.files[0]
        claim = first.attributes | ({LABEL: first.label} if first.label is not None else {})
        vectors = {space: items[id_].vector for space, items in by_space.items()}
        case = Case(store.shown_path(first.path), facts.sha256, claim, vectors, first.path)
        incoming.append((case, store.absolute_path(first.path)))
    return incoming


def _judged(
    gallery: Gallery,
    sandbox: Sandbox,
    options: ScreenOptions,
    cases: Callable[[Surroundings], list[Incoming]],
) -> list[ScreenedImage]:
    with gallery.store.database.reading() as connection:
        around = Surroundings(gallery, connection)
        for key in (options.owner, options.key):
            _require_known(connection, key)
        incoming = cases(around)
        judges_labels = NOT_GENUINE not in options.off and any(LABEL in case.claim for case, _ in incoming)
        labels = GenuineLabels(around, connection) if judges_labels else None
        found = [(*one, *_near(around, labels, one[0], options)) for one in incoming]
    relations = Relations(gallery, sandbox, around.decisions, verify=options.verify)
    shown = gallery.store.shown_path
    screened = []
    for case, image, copies, namesake, genuine in found:
        related, of_namesake = _related(relations, case, image, copies, namesake, around.least_copy)
        facts = Facts(
            options=options,
            decisions=around.decisions,
            fraud_pairs=around.fraud_pairs,
            listed=around.listed,
            relations=related,
            namesake=of_namesake,
            genuine=genuine,
            least_copy=around.least_copy,
            least_object=around.least_object,
            shown=shown,
        )
        screened.append(_by_rules(case, facts))
    return screened


def _near(
    around: Surroundings, labels: GenuineLabels | None, case: Case, options: ScreenOptions
) -> tuple[list[Neighbour], Neighbour | None, Genuine | None]:
    """What the index holds that bears on an image: possible copies, the nearest with its key, its label's pictures."""
    claimed = None if options.key is None else case.claim.get(options.key)
    namesake = None
    if options.key is not None and claimed is not None and CONTRADICTION not in options.off:
        namesake = around.namesake(case, options.key, claimed)
    genuine = None if labels is None or LABEL not in case.claim else labels.judge(case, case.claim[LABEL])
    return around.copies(case), namesake, genuine


def _related(
    relations: Relations,
    case: Case,
    image: Any,
    copies: Sequence[Neighbour],
    namesake: Neighbour | None,
    least: float,
) -> tuple[list[Relation], Relation | None]:
    """Relate an image to what may be its copies and to its namesake, each content looked at once."""
    known = {one.item for one in copies}
    extra = [namesake] if namesake is not None and namesake.item not in known else []
    related = relations.judge(case, image, [*copies, *extra], least)
    if namesake is None:
        return related, None
    own = next(relation for relation in related if relation.neighbour.item == namesake.item)
    return related[: len(copies)], replace(own, neighbour=namesake)


def _by_rules(case: Case, facts: Facts) -> ScreenedImage:
    options = facts.options
    reasons = [
        reason for name, judge in RULES.items() if name not in options.off for reason in judge(case, facts)
    ]
    kept, cleared = clear(reasons, case, facts)
    owners = {
        owner for reason in kept if reason.rule == REUSED for owner in reason.evidence.get("owners", ())
    }
    return ScreenedImage(
        image=case.name,
        reasons=kept,
        cleared=cleared,
        notes=_notes(case, facts),
        claim=dict(case.claim),
        owner=None if options.owner is None else case.claim.get(options.owner),
        owners=sorted(owners),
    )


def _notes(case: Case, facts: Facts) -> list[str]:
    """Say what could not be judged."""
    notes = [
        f"no {key} is claimed: {rule} is not judged by it"
        for rule, key in ((REUSED, facts.options.owner), (CONTRADICTION, facts.options.key))
        if key is not None and key not in case.claim and rule not in facts.options.off
    ]
    genuine = facts.genuine
    if genuine is not None and genuine.nearest is None:
        notes.append(f"the index holds no other genuine picture of {genuine.label}")
    elif genuine is not None and genuine.scores.threshold(facts.options.fpr) is None:
        notes.append(
            f"{genuine.count} genuine pictures of {genuine.label} cannot show a rate of {facts.options.fpr:g}"
        )
    return notes


def _unusable(entry: QueryImage, claim: Mapping[str, str]) -> ScreenedImage:
    return ScreenedImage(entry.name, claim=dict(claim), reason=entry.reason, message=entry.message)


def _stored_path(store: Store, image: Any) -> str | None:
    if not isinstance(image, str | os.PathLike):
        return None
    return store.stored_path(absolute(place_of(image)))


def _require_known(connection: Connection, key: str | None) -> None:
    """Refuse an owner or a key that no file has.

    Raises:
        UsageRefused: the index has files, and none with that attribute.
    """
    if key is None:
        return
    column = File.label if key == LABEL else File.attributes[key].as_string()
    has_files = connection.execute(select(File.id).limit(1)).first() is not None
    if has_files and connection.execute(select(File.id).where(column.is_not(None)).limit(1)).first() is None:
        raise UsageRefused(
            f"no file of the index has the attribute {key!r}", "give attributes by `index build --labels CSV`"
        )
