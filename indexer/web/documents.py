"""The shapes of answers, as the OpenAPI document describes them. Clients may rely on these; fields may be added."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from indexer.decisions import DecisionVerdict
from indexer.web.errors import Code

State = Literal["open", "decided", "all"]
GroupState = Literal["open", "decided", "same-bytes"]
HeadName = Literal[
    "knn", "prototype", "svm", "logistic"
]  # as in `indexer.classify`; a test holds them together


class Document(BaseModel):
    """Base of all: what is not named here may be there too."""

    model_config = ConfigDict(extra="allow")


class ErrorFacts(Document):
    """What went wrong: a code to branch on, a sentence to show, and what else is known."""

    code: Code
    message: str
    detail: Any = None


class Error(Document):
    """The answer to a request that was refused."""

    error: ErrorFacts


class Item(Document):
    """A content: known by its id, which is never given twice. `paths` is every place where it lies, `path` the first."""

    item: int
    path: str
    label: str | None
    attributes: dict[str, str]
    width: int
    height: int
    format: str
    size_bytes: int
    sha256: str
    paths: list[str]


class Page(Document):
    """A page of a list: `next` is the cursor of the page that follows, null on the last."""

    next: str | None
    total: int


class Items(Page):
    """Contents, by id."""

    items: list[Item]


class Decision(Document):
    """A row of the ledger; `first` and `second` are null where the index does not hold the content."""

    id: int
    first_sha256: str
    second_sha256: str
    first: Item | None
    second: Item | None
    verdict: DecisionVerdict | None
    note: str
    source: str
    decided_at: str
    counts: bool


class ItemWithDecisions(Item):
    """A content, and what was decided of it and others."""

    decisions: list[Decision]


class Decisions(Page):
    """The ledger, newest first."""

    decisions: list[Decision]


class Counts(Document):
    """How much there is."""

    items: int
    files: int
    labels: int
    rejected: int
    decisions: int


class EncoderName(Document):
    """Which encoder the index was made with."""

    name: str
    version: str
    fingerprint: str
    spaces: list[str]
    default_space: str


class Status(Document):
    """What the index holds."""

    store: str
    version: str
    generation: int
    committed_at: str
    encoder: EncoderName
    metric: str
    counts: Counts
    catalogues: list[dict[str, Any]]
    calibrations: list[dict[str, Any]]
    verify_available: bool
    job: str | None


class LabelCount(Document):
    """A label, and how many contents have it."""

    label: str
    items: int


class Labels(Document):
    """All labels, in alphabetical order."""

    labels: list[LabelCount]


class Labelled(Document):
    """The paths that now carry the label."""

    paths: list[str]


class Attributes(Document):
    """The attributes of files, each with its most frequent values."""

    attributes: list[dict[str, Any]]


class Rejections(Page):
    """Files that could not be indexed, and why."""

    rejections: list[dict[str, Any]]


class Match(Document):
    """One ranked neighbour, as `index query --json` has it, with its content's id, SHA-256 and size in pixels."""

    rank: int
    item: int
    sha256: str
    path: str
    score: float
    distance: float
    label: str | None
    attributes: dict[str, str]
    verdict: str | None
    reason: str | None
    probability: float | None
    normalised_score: float | None
    width: int
    height: int


class Query(Document):
    """The neighbours of one picture, best first; or `reason` and `message` where it cannot be used."""

    query: str
    space: str
    metric: str
    results: list[Match]


class Queries(Document):
    """One answer for each picture, in the order given."""

    queries: list[Query]


class GroupMember(Item):
    """A file that its group could do without."""

    score_to_keep: float
    probability: float | None
    verdict: str | None
    reason: str
    decision: DecisionVerdict | None


class Group(Document):
    """A file to keep and its copies.

    `state` is `decided` where no pair is left to be decided, and `same-bytes` where there was none to decide.
    """

    id: int
    keep: Item
    keep_reason: str
    members: list[GroupMember]
    min_score: float
    wasted_bytes: int
    state: GroupState


class Groups(Page):
    """The duplicate groups of a generation, best value first; while they are computed, those of the one before.

    `open` and `decided` count groups in those states; `total` those in the state that was asked for.
    """

    groups: list[Group]
    open: int
    decided: int
    threshold: float | None
    generation: int | None
    state: Literal["ready", "computing", "failed"]
    progress: float


class Decided(Document):
    """What a decision did; `added` is false where it counted already."""

    a: int
    b: int
    verdict: DecisionVerdict | None
    before: DecisionVerdict | None
    added: bool


class DecidedInBulk(Document):
    """What many decisions did, or would do."""

    added: int
    unchanged: int
    contradictions: list[dict[str, Any]]
    dry_run: bool


class Verified(Document):
    """What two pictures are to each other, as `index verify --json` has it; pictures are `data:` URLs of JPEGs.

    `overlay` is B as it lies in A, `difference` where they differ; both null where there is no alignment. Sizes are
    width and height in pixels.
    """

    a: str
    b: str
    verdict: str
    reason: str
    probability: float | None
    scores: dict[str, float]
    alignment: dict[str, Any] | None
    changes: list[dict[str, Any]]
    overlay: str | None
    difference: str | None
    a_size: tuple[int, int]
    b_size: tuple[int, int]


class Classified(Document):
    """What `index classify --json` prints."""

    images: list[dict[str, Any]]
    head: str
    space: str
    contradictory: int


class Screened(Document):
    """What `index screen --json` prints."""

    images: list[dict[str, Any]]
    rings: list[dict[str, Any]]


class Alert(Document):
    """What a night reported; `second` is null where it is about one content, or where the index holds it no more."""

    id: int
    night: int
    kind: str
    verdict: str | None
    score: float
    probability: float | None
    reason: str
    wasted_bytes: int
    source: str
    first: Item | None
    second: Item | None
    decision: DecisionVerdict | None


class Alerts(Page):
    """What nights reported: the newest night first, and of each what is most worth a look.

    What is about one content is neither `open` nor `decided`.
    """

    alerts: list[Alert]
    open: int
    decided: int


class Point(Document):
    """A content's place on the map."""

    item: int
    sha256: str
    x: float
    y: float
    label: str | None


class Map(Document):
    """Contents in a plane: the two directions in which their vectors vary most, and the shares that these explain."""

    points: list[Point]
    explained: list[float]
    space: str
    total: int


class NightSummary(Document):
    """A night in numbers."""

    night: int
    finished_at: str
    generation: int
    pictures: int
    new: int
    removed: int
    rejected: int
    duplicates: int
    alerts: int
    found: int
    in_quarantine: int
    seconds: float


class Nights(Document):
    """The nights whose reports are kept, the newest first."""

    nights: list[NightSummary]


class Encoder(Document):
    """The encoder of the index: its spec, and its model card where it has one."""

    name: str
    version: str
    spec: dict[str, Any]
    fingerprint: str
    source: str
    card: str | None


class Started(Document):
    """A build that was started."""

    job: str


class Build(Document):
    """A build: how far it is, and its report or what went wrong when it ended."""

    job: str
    state: Literal["running", "done", "failed"]
    done: int
    total: int
    started_at: str
    seconds: float
    report: dict[str, Any] | None
    error: dict[str, Any] | None


class Builds(Document):
    """The builds that this server started, the newest first."""

    builds: list[Build]


class Session(Document):
    """Whether this server needs a token, and whether the client gave it."""

    token_needed: bool
    let_in: bool
