"""Free spoken digits: a speaker who was not trained on, 10-way 1-shot over his own digits, and k-NN from the others'.

Each seed leaves another of the four speakers out. The classes are the ten digits, whoever speaks: so the voice is what
has to be forgotten. 1-shot: one recording of each digit by the new speaker, the rest to be named. k-NN: his recordings
named by those of the speakers who were trained on.
"""

from pathlib import Path

from protocol import Embed, Figures, Row, Task, accuracy, labels, named

from indexer.dataset import Example
from retrieval.evaluation.episodes import few_shot_accuracy


def split(data: Path, seed: int) -> Task:
    examples = []
    for path in sorted((data / "audio" / "digits").glob("*.wav")):
        digit, speaker, _ = path.stem.split("_")
        examples.append(Example(str(path), digit, {"speaker": speaker}))
    speakers = sorted({example.attributes["speaker"] for example in examples})
    new = speakers[seed % len(speakers)]
    train = [example for example in examples if example.attributes["speaker"] != new]
    return Task(train, [example for example in examples if example.attributes["speaker"] == new], train)


def measure(task: Task, embed: Embed) -> Figures:
    vectors, known = embed(task.test), embed(task.gallery)
    one_shot = few_shot_accuracy(vectors, labels(task.test), ways=10, shots=1)
    found = named(vectors, known, labels(task.gallery))
    return {
        "10-way 1-shot": one_shot.mean,
    } | {head: accuracy(names, labels(task.test)) for head, names in found.items()}


ROW = Row(
    "digits",
    "k-NN",
    0.85,
    0.95,
    split,
    ["--preset", "audio", "--backbone", "builtin:3", "--grid", "6", "--size", "64", "--mode", "full", "--hold-out",
     "pictures", "--batch", "120", "--per-class", "12", "--loss", "supcon", "--rate", "3e-4", "--epochs", "8"],
    measure,
)  # fmt: skip
