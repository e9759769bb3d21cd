"""Catalogues: the folders and manifests that an index was pointed at, and what lies in them now."""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, update

from indexer.bucket_scan import Look, require_bucket_folder, scan_bucket
from indexer.errors import UsageRefused
from indexer.manifest import Facts, is_manifest, read_manifest
from indexer.remote import Place, is_remote, require_catalogue
from indexer.scan import FoundFile, OddEntry, Scan, folder_label, scan_folder
from indexer.store import Store
from indexer.tables import FOLDER, MANIFEST, Catalogue, Exclusion, File
from retrieval.view import View


@dataclass(frozen=True)
class Listing:
    """One catalogue as it lies on disk now.

    ``root`` is absolute, ``facts`` are what a manifest says of its files; a folder was searched but for what the
    globs ``exclude`` match, and for the absolute paths ``excluded``.
    """

    id: int
    root: str
    kind: str
    scan: Scan
    facts: Mapping[str, Facts] = field(default_factory=dict)
    exclude: Sequence[str] = ()
    excluded: frozenset[str] = frozenset()

    def label_of(self, path: str) -> str | None:
        """Return the label that the catalogue itself gives to a path: its manifest's, or its folder's name."""
        if self.kind == MANIFEST:
            return self.facts[path].label
        return folder_label(path, self.root)


def require_there(place: Place) -> None:
    """Refuse what a build cannot begin with.

    Raises:
        UsageRefused: it does not exist, or is a URL that can be no catalogue.
        EngineUnavailable, PermissionRefused: a bucket cannot be asked for now.
    """
    if is_remote(place):
        require_catalogue(place)
        require_bucket_folder(place)
    elif not Path(place).exists():
        raise UsageRefused(f"{place} does not exist")


def register_catalogues(
    connection: Connection, store: Store, paths: Sequence[Place], exclude: Sequence[str] | None
) -> list[int]:
    """Remember the catalogues that ``paths`` name and return their ids; without paths, all that are remembered.

    ``exclude`` replaces the globs that were remembered for them; None keeps those.

    Raises:
        UsageRefused: a path that is neither a folder nor a manifest, or no path and nothing remembered.
    """
    ids = []
    for path in paths:
        kind = _kind(path)
        stored = path if is_remote(path) else store.stored_path(os.path.realpath(path))
        known = connection.execute(select(Catalogue.id).where(Catalogue.path == stored)).scalar()
        if known is None:
            values = {"path": stored, "kind": kind, "exclude": list(exclude or ())}
            known = connection.execute(insert(Catalogue).values(values).returning(Catalogue.id)).scalar_one()
        elif exclude is not None:
            connection.execute(update(Catalogue).where(Catalogue.id == known).values(exclude=list(exclude)))
        ids.append(known)
    if not paths:
        ids = list(connection.execute(select(Catalogue.id).order_by(Catalogue.id)).scalars())
    if not ids:
        raise UsageRefused("which folder? this index has no catalogue yet", "name one: `index build FOLDER`")
    return list(dict.fromkeys(ids))


def _kind(place: Place) -> str:
    if is_remote(place):
        return FOLDER
    path = Path(place)
    if path.is_dir():
        return FOLDER
    if path.is_file() and is_manifest(path):
        return MANIFEST
    if path.exists():
        raise UsageRefused(f"{path} is neither a folder nor a .csv or .parquet manifest")
    raise UsageRefused(f"{path} does not exist")


def list_catalogues(connection: Connection, store: Store, ids: Sequence[int], view: View) -> list[Listing]:
    """Look at what lies in the given catalogues now. A file that two of them hold belongs to the first.

    Folders are searched for what an encoder of that ``view`` takes; manifests name their files themselves.

    Raises:
        UsageRefused: a catalogue that is gone, or empty although the index holds files of it.
        EngineUnavailable, PermissionRefused: one on an object store that cannot be listed, or not to its end.
    """
    excluded = frozenset(
        store.absolute_path(path) for path in connection.execute(select(Exclusion.path)).scalars()
    )
    listings: list[Listing] = []
    seen: set[str] = set()
    for row in connection.execute(select(Catalogue.__table__).where(Catalogue.id.in_(ids))).mappings():
        root = store.absolute_path(row["path"])
        if is_remote(root):
            scan = scan_bucket(
                root, row["exclude"], excluded, view, partial(_looks, connection, store, row["id"])
            )
            listing = Listing(row["id"], root, FOLDER, scan, exclude=row["exclude"], excluded=excluded)
        else:
            listing = _list(row["id"], root, row["kind"], row["exclude"], excluded, view)
        if seen:
            listing.scan.files = [found for found in listing.scan.files if found.path not in seen]
            listing.scan.odd = [odd for odd in listing.scan.odd if odd.path not in seen]
        if len(ids) > 1:
            seen.update(found.path for found in listing.scan.files)
            seen.update(odd.path for odd in listing.scan.odd)
        held = connection.execute(select(func.count()).where(File.catalogue_id == row["id"])).scalar_one()
        if held and not listing.scan.files and not listing.scan.unseen_folders:
            raise UsageRefused(
                f"{root} holds nothing for this encoder, but the index holds {held} files of it: "
                + ("is this its server?" if is_remote(root) else "is its disk mounted?"),
                f"to forget them, run `index remove {root}`",
            )
        listings.append(listing)
    return listings


def _looks(connection: Connection, store: Store, id_: int) -> dict[str, Look]:
    """Return size and time of change of a catalogue's files as the index has them, by absolute path."""
    rows = connection.execute(
        select(File.path, File.size_bytes, File.mtime_ns).where(File.catalogue_id == id_)
    )
    return {store.absolute_path(path): (size_bytes, mtime_ns) for path, size_bytes, mtime_ns in rows}


def _list(
    id_: int, root: str, kind: str, exclude: Sequence[str], excluded: frozenset[str], view: View
) -> Listing:
    path = Path(root)
    if kind == MANIFEST and path.is_file():
        facts = {target: fact for target, fact in read_manifest(path).items() if target not in excluded}
        return Listing(id_, root, kind, _stat_all(facts), facts)
    if kind == FOLDER and path.is_dir():
        scan = scan_folder(root, exclude, excluded, view)
        return Listing(id_, root, kind, scan, exclude=exclude, excluded=excluded)
    raise UsageRefused(f"the catalogue {root} is gone", f"bring it back, or run `index remove {root}`")


def _stat_all(paths: Mapping[str, Facts]) -> Scan:
    """Look at the files that a manifest names; one that is missing is named, not passed over."""
    scan = Scan()
    for path in paths:
        if is_remote(path):
            message = "named by the manifest, but on an object store: build its folder, with the manifest as --labels"
            scan.odd.append(OddEntry(path, 0, 0, "not-a-file", message))
            continue
        if "\0" in path:
            scan.odd.append(
                OddEntry(path, 0, 0, "missing", "named by the manifest, but no path holds a zero byte")
            )
            continue
        try:
            status = os.lstat(path)
        except OSError as error:
            scan.odd.append(OddEntry(path, 0, 0, "missing", f"named by the manifest, but: {error.strerror}"))
            continue
        if stat.S_ISREG(status.st_mode):
            scan.files.append(FoundFile(path, status.st_size, status.st_mtime_ns))
        else:
            message = "named by the manifest, but not a regular file"
            scan.odd.append(OddEntry(path, status.st_size, status.st_mtime_ns, "not-a-file", message))
    return scan
