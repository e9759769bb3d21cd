"""What the calls of one server share."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from indexer.settings import Settings
from indexer.store import Store
from indexer.web.answered import Answered
from indexer.web.builds import Builds
from indexer.web.decoding import Decoding
from indexer.web.embedding_map import Maps
from indexer.web.galleries import Galleries
from indexer.web.group_finder import GroupFinder
from indexer.web.ledger import Ledger
from indexer.web.pictures import Thumbnails


@dataclass
class Service:
    """An index that is served: its store and settings, and what is kept in memory of it."""

    store: Store
    settings: Settings
    galleries: Galleries = field(init=False)
    decoding: Decoding = field(init=False)
    ledger: Ledger = field(default_factory=Ledger)
    answered: Answered = field(default_factory=Answered)
    groups: GroupFinder = field(init=False)
    builds: Builds = field(init=False)
    thumbnails: Thumbnails = field(init=False)
    maps: Maps = field(default_factory=Maps)

    def __post_init__(self) -> None:
        """Open nothing yet: the first request, or `start`, does."""
        self.galleries = Galleries(self.store)
        self.groups = GroupFinder(self.store, self.galleries)
        self.decoding = Decoding(self.settings.limits)
        self.builds = Builds(self.store)
        self.thumbnails = Thumbnails(self.store)

    def start(self) -> None:
        """Start what works in the background."""
        self.groups.start()

    def stop(self) -> None:
        """End it."""
        self.builds.stop()
        self.groups.stop()
        self.decoding.stop()


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(_service)]
