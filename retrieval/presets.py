"""Input presets: for each kind of thing, what an encoder looks at, and how training may vary it.

The numbers are starting points from the literature, to be tuned on one's own pictures. What must not vary is what
tells one thing from another: a mirrored banknote is no banknote, and a mirrored signature is somebody else's.
"""

from dataclasses import dataclass
from enum import StrEnum

from retrieval.view import Fit, View


class NewClasses(StrEnum):
    """Which turned or mirrored pictures are of another class, and so are more classes to learn from.

    A character that is turned by a right angle is another character (Santoro et al., ICML 2016), and a signature that
    is mirrored, its forgeries with it, is somebody else's.
    """

    NONE = "none"
    MIRRORED = "mirrored"  # left to right, top to bottom, and both
    TURNED = "turned"  # by one, two and three right angles


@dataclass(frozen=True)
class Augment:
    """How a training picture is varied. The default of each is not at all.

    ``crop_min_scale`` is the smallest share of the area that a random resized crop keeps (1 is the whole), ``aspect``
    the largest relative change of its proportions, ``turn_degrees`` the largest turn to either side, ``flip`` whether
    it may be mirrored left to right, ``perspective`` how far a corner moves as a share of the side, ``colour_jitter``
    the largest relative change of brightness, contrast and saturation, ``blur`` and ``erase`` the probabilities of
    a blur and of an erased rectangle, ``noise`` the largest standard deviation of noise added (1 is the whole range
    of values), ``shift`` the largest translation as a share of the side. ``time_mask`` and ``freq_mask`` are the
    largest share of columns and of rows that is blanked in a spectrum.

    ``view_size`` is a view's side in pixels, None the picture's own. Crops show things larger than they are in whole
    pictures, so views smaller than the pictures match what is searched, and cost less (Touvron et al., NeurIPS 2019).
    """

    crop_min_scale: float = 1.0
    aspect: float = 0.0
    turn_degrees: float = 0.0
    flip: bool = False
    perspective: float = 0.0
    colour_jitter: float = 0.0
    blur: float = 0.0
    erase: float = 0.0
    noise: float = 0.0
    shift: float = 0.0
    time_mask: float = 0.0
    freq_mask: float = 0.0
    view_size: int | None = None


@dataclass(frozen=True)
class Preset:
    """What an encoder of one kind of thing takes: ``size`` in pixels, and how its training pictures vary.

    ``new_classes`` are made where the whole network learns; a head on frozen features learns from the pictures alone.
    ``grid`` is the number of cells a side that pooling keeps apart: more than 1 for what always lies the same way.
    What is ``symmetric`` is embedded together with its mirror image, in twice the time: a face turned to the left and
    one turned to the right are then alike.
    """

    name: str
    view: View
    fit: Fit
    size: int
    augment: Augment
    grid: int = 1
    new_classes: NewClasses = NewClasses.NONE
    symmetric: bool = False


PRESETS = {
    preset.name: preset
    for preset in (
        # Szegedy et al. 2015's crops and the jitter of SimCLR (Chen et al. 2020), milder: instances, not classes.
        Preset(
            "photo",
            View.COLOUR,
            Fit.STRETCH,
            160,
            Augment(0.35, 0.33, 10, flip=True, perspective=0.1, colour_jitter=0.4, blur=0.2, erase=0.1),
        ),
        # Shop photos vary in viewpoint and light; random erasing (Zhong et al. 2020) stands for a hand before them.
        Preset(
            "product",
            View.COLOUR,
            Fit.PAD,
            192,
            Augment(0.4, 0.2, 15, flip=True, perspective=0.2, colour_jitter=0.3, blur=0.2, erase=0.25),
        ),
        # Scans of one flat print: small turns and a worn sheet; its text has one right way to be read.
        Preset(
            "banknote",
            View.COLOUR,
            Fit.STRETCH,
            192,
            Augment(0.7, 0.1, 5, perspective=0.1, colour_jitter=0.2, blur=0.2, erase=0.1, noise=0.02),
        ),
        # Coins, parts, things seen from above: they lie any way round, and their colour says what they are.
        Preset(
            "coin",
            View.COLOUR,
            Fit.PAD,
            160,
            Augment(0.8, 0.05, 180, perspective=0.05, colour_jitter=0.15, blur=0.1, noise=0.01, shift=0.02),
        ),
        # Aligned crops of 112 px and mirroring, as ArcFace (Deng et al. 2019) trains; the rest as mild as AdaFace's.
        Preset(
            "face",
            View.COLOUR,
            Fit.STRETCH,
            112,
            Augment(0.8, 0.05, 5, flip=True, colour_jitter=0.2, blur=0.1, erase=0.1),
            symmetric=True,
        ),
        # Proportions and slant are the writer's own (SigNet, Dey et al. 2017), so they change a little; with less than
        # this, networks learn the writers that they see by heart.
        Preset(
            "signature",
            View.INK,
            Fit.PAD,
            160,
            Augment(0.8, 0.15, 6, perspective=0.05, blur=0.15, noise=0.03, shift=0.05),
            new_classes=NewClasses.MIRRORED,
        ),
        # Omniglot's affine changes (Koch et al. 2015): turns of 10 degrees, shifts of 2 in 105 pixels, scales from 0.8.
        Preset(
            "drawing",
            View.INK,
            Fit.PAD,
            64,
            Augment(0.64, 0.1, 10, blur=0.1, shift=0.02),
            grid=3,
            new_classes=NewClasses.TURNED,
        ),
        # SpecAugment (Park et al. 2019): masks of time and of frequency; a shift is also one of pitch, so a small one.
        Preset(
            "audio",
            View.SPECTRUM,
            Fit.STRETCH,
            96,
            Augment(noise=0.02, shift=0.02, time_mask=0.2, freq_mask=0.15),
        ),
    )
}
