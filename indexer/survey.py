"""Everything a build knows before it reads the first picture."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Text, cast, insert, or_, select, update

from indexer.assigned_labels import require_agreement
from indexer.catalogue import Listing, list_catalogues, register_catalogues
from indexer.committed import Committed, current_generation
from indexer.encoders import BUILTIN, EncoderFiles, canonical_source, read_encoder
from indexer.manifest import Facts, read_manifest
from indexer.plan import Plan, Rejected, encoded_items, known_files, make_plan, old_rejections
from indexer.remote import Place, is_remote
from indexer.settings import Settings
from indexer.store import Store
from indexer.tables import AssignedLabel, Encoder
from indexer.trial import require_bounded
from indexer.untouched import untouched_plan
from retrieval.encoder import spec_document
from retrieval.metric import Metric


@dataclass
class Survey:
    """The index as it is, the catalogues as they are, and what lies between them.

    ``facts`` are what manifests and the labels file say, by absolute path; ``assigned`` the labels that the user gave,
    by content SHA-256; ``encoded`` the contents that have all their vectors.
    """

    encoder: EncoderFiles
    encoder_id: int
    metric: Metric
    previous: Committed | None
    listings: list[Listing]
    facts: Mapping[str, Facts]
    assigned: Mapping[bytes, str]
    encoded: set[bytes]
    rejections: dict[str, Rejected]
    plan: Plan

    @property
    def same_encoder(self) -> bool:
        """Whether the last generation was made with this build's encoder."""
        return self.previous is not None and self.previous.fingerprint == self.encoder.fingerprint

    @property
    def same_metric(self) -> bool:
        """Whether the last generation was made with this build's metric."""
        return self.previous is not None and self.previous.metric is self.metric


def survey(
    store: Store,
    catalogues: Sequence[Place],
    settings: Settings,
    labels: Path | None,
    exclude: Sequence[str] | None,
) -> Survey:
    """Look at the index, the encoder and the catalogues; remember the catalogues and the encoder.

    Raises:
        UsageRefused: a catalogue, the labels file or the encoder cannot be used.
        StoreDamaged: a label that was given is not what was written.
        EngineUnavailable, PermissionRefused: an object store cannot be listed.
    """
    with store.database.reading() as connection:
        require_agreement(connection)
        previous = current_generation(connection)
        encoder = read_encoder(_encoder_source(connection, store, settings, previous))
        is_new = _encoder_row(connection, encoder) is None
    if is_new:
        require_bounded(encoder)
    with store.database.writing() as connection:
        encoder_id = _register_encoder(connection, store, encoder)
        ids = register_catalogues(connection, store, catalogues, exclude)
    with store.database.reading() as connection:
        listings = list_catalogues(connection, store, ids, encoder.spec.preprocess.view)
        facts = {path: fact for listing in listings for path, fact in listing.facts.items()}
        if labels is not None:
            listed = {
                found.path for listing in listings if is_remote(listing.root) for found in listing.scan.files
            }
            facts |= read_manifest(labels, [listing.root for listing in listings], listed)
        other_encoder = previous is not None and previous.fingerprint != encoder.fingerprint
        rejections = {} if other_encoder else old_rejections(connection)  # each takes what it takes
        spaces = len(encoder.spec.spaces)
        plan = None if facts else untouched_plan(connection, store, listings, rejections, encoder_id, spaces)
        encoded = set() if plan else encoded_items(connection, encoder_id, spaces)
        known = {} if plan else known_files(connection, store)
        return Survey(
            encoder=encoder,
            encoder_id=encoder_id,
            metric=settings.metric or (previous.metric if previous else Metric.COSINE),
            previous=previous,
            listings=listings,
            facts=facts,
            assigned={row.sha256: row.label for row in connection.execute(select(AssignedLabel.__table__))},
            encoded=encoded,
            rejections=rejections,
            plan=plan or make_plan(store, listings, known, rejections, encoded),
        )


def _encoder_source(
    connection: Connection, store: Store, settings: Settings, previous: Committed | None
) -> str:
    """Choose the encoder: the settings', else the one that the index was made with, else the built-in one.

    Where damage took the generations, the encoder's own row still says which it was.
    """
    if settings.encoder is not None:
        return canonical_source(settings.encoder)
    newest = select(Encoder.source).order_by(Encoder.id.desc()).limit(1)
    source = previous.encoder_source if previous else connection.execute(newest).scalar()
    return BUILTIN if source in {None, BUILTIN} else store.absolute_path(str(source))


def _register_encoder(connection: Connection, store: Store, encoder: EncoderFiles) -> int:
    """Return the encoder's row; of one that is known, where it lies now, and from which scores on it says what."""
    source = encoder.source if encoder.source == BUILTIN else store.stored_path(encoder.source)
    found = {"source": source, "spec": spec_document(encoder.spec)}
    known = _encoder_row(connection, encoder)
    if known is not None:
        other_spec = cast(Encoder.spec, Text) != json.dumps(found["spec"])  # JSON itself is equal to nothing
        changed = or_(Encoder.source != source, other_spec)
        connection.execute(update(Encoder).where(Encoder.id == known, changed).values(found))
        return known
    row = insert(Encoder).values(
        fingerprint=encoder.fingerprint, name=encoder.spec.name, version=encoder.spec.version, **found
    )
    return connection.execute(row.returning(Encoder.id)).scalar_one()


def _encoder_row(connection: Connection, encoder: EncoderFiles) -> int | None:
    return connection.execute(select(Encoder.id).where(Encoder.fingerprint == encoder.fingerprint)).scalar()
