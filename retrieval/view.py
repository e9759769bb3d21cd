"""How an encoder looks at a file, named apart from the pixels: what only names it imports no numbers."""

from enum import StrEnum


class Fit(StrEnum):
    """How a picture of any shape becomes a square."""

    STRETCH = "stretch"  # both sides scaled to the square; nothing is lost, proportions change
    CROP = "crop"  # shorter side scaled, the centre kept
    PAD = "pad"  # longer side scaled, the rest white


class View(StrEnum):
    """What of a file an encoder looks at."""

    COLOUR = "colour"  # a picture as it is
    GREY = "grey"  # its luminance, in all three channels
    INK = "ink"  # signatures and drawings: the ink alone, black on white, cut out at its bounding box
    SPECTRUM = "spectrum"  # a sound, as the picture of its log-mel spectrogram; ``fit`` has no say
