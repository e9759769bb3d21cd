"""New pictures judged by the rules of `index screen`, as findings.

Nobody claims anything of a file that just lies in a catalogue: a rule judges where the user said what it is to judge by.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from indexer.decisions import Decisions, DecisionVerdict, pair_of
from indexer.listings import ListName, read_listings
from indexer.nightly.findings import Finding
from indexer.nightly.pictures import Picture
from indexer.screening.options import ALTERED, CONTRADICTION, KNOWN_FRAUD, NOT_GENUINE, REUSED, ScreenOptions
from indexer.screening.report import ScreenVerdict
from indexer.screening.screen import screen_items
from indexer.settings import Settings
from indexer.store import Store


def alerts(store: Store, settings: Settings, new: Sequence[Picture], *, verify: bool) -> Iterator[Finding]:
    """Yield what the rules, as the settings have them, say of new pictures.

    ``reused`` judges if there is an owner, ``contradiction`` if there is a key, ``altered`` with ``verify``,
    ``known-fraud`` if any is known, and ``not-genuine`` pictures of labels that have a list of genuine ones.

    Raises:
        UsageRefused: no file has the attribute that is the owner or the key; vectors that cosine cannot compare.
        StoreDamaged: a row is not what was written.
    """
    options = ScreenOptions.of(settings, {"verify": verify})
    with store.database.reading() as connection:
        listed = list(read_listings(connection))
        decided = {verdict for _, _, verdict in Decisions.read(connection).pairs()}
    is_fraud_known = DecisionVerdict.FRAUD in decided or any(row.list is ListName.FRAUD for row in listed)
    judging = {
        REUSED: options.owner is not None,
        CONTRADICTION: options.key is not None,
        ALTERED: options.verify,
        KNOWN_FRAUD: is_fraud_known,
    }
    rules = frozenset(rule for rule, judges in judging.items() if judges)
    labels = {row.label for row in listed if row.list is ListName.GENUINE}
    claiming = [picture for picture in new if picture.label in labels]
    others = [picture for picture in new if picture.label not in labels]
    yield from _screened(store, settings, claiming, options, rules | {NOT_GENUINE})
    yield from _screened(store, settings, others, options, rules)


def _screened(
    store: Store,
    settings: Settings,
    pictures: Sequence[Picture],
    options: ScreenOptions,
    rules: frozenset[str],
) -> Iterator[Finding]:
    off = options.off | {REUSED, CONTRADICTION, ALTERED, KNOWN_FRAUD, NOT_GENUINE} - rules
    if not pictures or rules <= off:
        return
    items = [picture.item for picture in pictures]
    screened = screen_items(store, settings, items, replace(options, off=off))
    for picture, image in zip(pictures, screened, strict=True):
        for reason in image.reasons:
            yield Finding(
                reason.rule,
                *pair_of(picture.sha256, reason.sha256),
                ScreenVerdict.REJECT if reason.is_proven else ScreenVerdict.REVIEW,
                reason.score,
                reason.probability,
                f"risk {reason.risk:.2f}",
            )
