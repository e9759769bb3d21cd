"""Views of a batch: crop, turn, mirror, perspective and light, each picture its own, in one resampling.

Every picture gets a homography from the corners of what is seen to the corners of the picture; one `grid_sample`
then does crop, aspect, shift, turn, perspective and mirror together, so that a view is blurred once and not five times.
"""

import torch
import torch.nn.functional as F  # noqa: N812  # the field's name for it
from torch import Tensor

from retrieval.presets import Augment

_LUMA = (0.299, 0.587, 0.114)
_BLUR_SIGMA = (0.5, 1.5)
_BLUR_RADIUS = 3
_ERASED_AREA = (0.02, 0.2)


def augmented(images: Tensor, recipe: Augment, generator: torch.Generator) -> Tensor:
    """Return a view of each picture: (n, size, size, 3) uint8 in, (n, 3, view size, view size) float32 in 0..255 out.

    What comes into view from outside the picture is its own edge, drawn out.
    """
    x = images.permute(0, 3, 1, 2).float()
    x = _warped(x, recipe, generator)
    x = _relit(x, recipe, generator)
    if recipe.blur:
        x = _blurred(x, recipe.blur, generator)
    if recipe.noise:
        x = x + torch.randn(x.shape, generator=generator) * (255 * recipe.noise * _draw(len(x), generator))
    if recipe.erase:
        x = _erased(x, recipe.erase, generator)
    for axis, most in ((3, recipe.time_mask), (2, recipe.freq_mask)):
        if most:
            x = _masked(x, axis, most, generator)
    return x.clamp(0, 255)


def _draw(count: int, generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> Tensor:
    """One uniform number per picture, shaped to go with (n, c, h, w)."""
    return torch.empty(count, 1, 1, 1).uniform_(low, high, generator=generator)


def _warped(x: Tensor, recipe: Augment, generator: torch.Generator) -> Tensor:
    count = len(x)

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count).uniform_(low, high, generator=generator)

    area = uniform(recipe.crop_min_scale, 1.0)
    aspect = (1 + recipe.aspect) ** uniform(-1, 1)
    half_width, half_height = (area * aspect).sqrt(), (area / aspect).sqrt()
    # Inside the picture as far as the crop leaves room, and beyond its edge by ``shift`` of its side.
    centre_x = uniform(-1, 1) * ((1 - half_width).clamp(min=0) + 2 * recipe.shift)
    centre_y = uniform(-1, 1) * ((1 - half_height).clamp(min=0) + 2 * recipe.shift)
    angle = uniform(-1, 1) * (recipe.turn_degrees * torch.pi / 180)
    if recipe.flip:
        half_width = half_width * torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    corners = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    bent = corners + 2 * recipe.perspective * torch.empty(count, 4, 2).uniform_(-1, 1, generator=generator)
    scaled = bent * torch.stack([half_width, half_height], dim=1)[:, None]
    cosine, sine = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)
    seen = scaled @ turn.transpose(1, 2) + torch.stack([centre_x, centre_y], dim=1)[:, None]
    height, width = (recipe.view_size or side for side in x.shape[2:])
    grid = _grid(_homographies(corners, seen), height, width)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _homographies(corners: Tensor, seen: Tensor) -> Tensor:
    """(n, 3, 3) maps that take the four (4, 2) corners to the (n, 4, 2) points: eight linear equations each."""
    x, y = corners[:, 0].expand(len(seen), 4), corners[:, 1].expand(len(seen), 4)
    u, v = seen[..., 0], seen[..., 1]
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    rows_u = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], dim=-1)
    rows_v = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], dim=-1)
    solution = torch.linalg.solve(torch.cat([rows_u, rows_v], dim=1), torch.cat([u, v], dim=1))
    return torch.cat([solution, torch.ones(len(seen), 1)], dim=1).view(-1, 3, 3)


def _grid(homographies: Tensor, height: int, width: int) -> Tensor:
    """Where each (n, height, width) output pixel is taken from, in -1..1."""
    ys = (torch.arange(height) + 0.5) * (2 / height) - 1
    xs = (torch.arange(width) + 0.5) * (2 / width) - 1
    y, x = torch.meshgrid(ys, xs, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], dim=-1).reshape(-1, 3)
    mapped = points @ homographies.transpose(1, 2)
    return (mapped[..., :2] / mapped[..., 2:]).view(-1, height, width, 2)


def _relit(x: Tensor, recipe: Augment, generator: torch.Generator) -> Tensor:
    """Brightness, contrast and saturation by factors of up to 1 ± ``colour_jitter``."""
    most = recipe.colour_jitter
    if not most:
        return x
    factors = [_draw(len(x), generator, 1 - most, 1 + most) for _ in range(3)]
    grey = (x * torch.tensor(_LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    x = grey + (x - grey) * factors[0]
    mean = grey.mean(dim=(2, 3), keepdim=True)
    return (mean + (x - mean) * factors[1]) * factors[2]


def _blurred(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Blur a ``share`` of the pictures, each with its own Gaussian."""
    chosen = torch.nonzero(torch.rand(len(x), generator=generator) < share).flatten()
    if not len(chosen):
        return x
    sigma = torch.empty(len(chosen), 1).uniform_(*_BLUR_SIGMA, generator=generator)
    steps = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1)
    kernel = torch.exp(-(steps**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(3, dim=0)
    picked = x[chosen].reshape(1, -1, *x.shape[2:])
    picked = F.pad(picked, [_BLUR_RADIUS] * 4, mode="replicate")
    picked = F.conv2d(picked, kernel[:, None, :, None], groups=len(kernel))
    picked = F.conv2d(picked, kernel[:, None, None, :], groups=len(kernel))
    x = x.clone()
    x[chosen] = picked.view(len(chosen), 3, *x.shape[2:])
    return x


def _erased(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Cover a rectangle of a ``share`` of the pictures with one colour (Zhong et al., AAAI 2020)."""
    height, width = x.shape[2:]
    side = _draw(len(x), generator, *_ERASED_AREA).sqrt()
    side = side * (torch.rand(side.shape, generator=generator) < share)
    top, left = (_draw(len(x), generator) * (1 - side) for _ in range(2))
    y = (torch.arange(height) / height).view(1, 1, -1, 1)
    x_axis = (torch.arange(width) / width).view(1, 1, 1, -1)
    inside = (y >= top) & (y < top + side) & (x_axis >= left) & (x_axis < left + side)
    colour = torch.empty(len(x), 3, 1, 1).uniform_(0, 255, generator=generator)
    return torch.where(inside, colour, x)


def _masked(x: Tensor, axis: int, most: float, generator: torch.Generator) -> Tensor:
    """Silence a band of up to ``most`` of one axis (SpecAugment, Park et al., Interspeech 2019)."""
    shape = [1, 1, 1, 1]
    shape[axis] = x.shape[axis]
    place = (torch.arange(x.shape[axis]) / x.shape[axis]).view(shape)
    width = _draw(len(x), generator, 0, most)
    start = _draw(len(x), generator) * (1 - width)
    return torch.where((place >= start) & (place < start + width), torch.zeros(()), x)
