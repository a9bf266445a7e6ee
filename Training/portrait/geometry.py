"""Key points in pictures: posing, drawing, and the box around a face, as the runtime does them."""
import torch

DRAWN = [1, 2, 3, 4, 12, 15, 20]
COLOURS = torch.tensor([[255, 0, 0], [255, 255, 0], [0, 255, 0], [0, 255, 255], [0, 0, 255],
                        [255, 0, 255], [255, 0, 85]]) / 255
RADIUS = 4


def rotation(degrees: torch.Tensor) -> torch.Tensor:
    """Pitch, yaw, roll `[n, 3]` to matrices Rz Ry Rx `[n, 3, 3]`."""
    x, y, z = (degrees * (torch.pi / 180)).unbind(1)
    sx, cx, sy, cy, sz, cz = x.sin(), x.cos(), y.sin(), y.cos(), z.sin(), z.cos()
    return torch.stack([
        cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx,
        sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx,
        -sy, cy * sx, cy * cx], 1).reshape(-1, 3, 3)


def posed(rest: torch.Tensor, degrees: torch.Tensor, translation: torch.Tensor,
          scale: torch.Tensor) -> torch.Tensor:
    """Key points `[n, 21, 3]` turned, scaled `[n, 1]` and moved `[n, 2 or 3]`."""
    turned = rest @ rotation(degrees).transpose(1, 2) * scale[:, :, None]
    turned[:, :, :2] += translation[:, None, :2]
    return turned


def of_motion(rest: torch.Tensor, motions: torch.Tensor) -> torch.Tensor:
    """Key points of faces with the renderer's motions `[n, 15]`."""
    return posed(rest, motions[:, [1, 0, 2]], motions[:, 3:5], motions[:, 5:6])


def pixels(points: torch.Tensor, size: int) -> torch.Tensor:
    """Column and row of each drawn point, `[n, 7, 2]`, cut off towards zero."""
    return ((points[:, DRAWN, :2] * .5 + .5) * size).trunc()


def canvases(points: torch.Tensor, size: int, finer: int = 1) -> torch.Tensor:
    """Discs on black, `[n, 3, size, size]` in 0...1; as on a canvas that is `finer` times as large, whose
    discs are averaged."""
    at, n = pixels(points, size * finer).long(), len(points)
    radius = RADIUS * finer
    first = torch.div(at - radius, finer, rounding_mode="floor")  # the pixel where a disc may begin
    across = torch.arange(2 * RADIUS + 2, device=points.device)
    parts = first[..., None] * finer + torch.arange(len(across) * finer, device=points.device)
    dx, dy = (parts - at[..., None]).square().unbind(2)  # [n, 7, parts]
    inside = (dx[:, :, None, :] + dy[:, :, :, None] <= radius ** 2).float()
    share = torch.nn.functional.avg_pool2d(inside, finer)  # [n, 7, pixels, pixels]
    columns, rows = (first[..., None] + across).unbind(2)
    on = lambda line: (line >= 0) & (line < size)  # noqa: E731
    share = share * (on(rows)[..., :, None] & on(columns)[..., None, :])
    where = rows.clamp(0, size - 1)[..., :, None] * size + columns.clamp(0, size - 1)[..., None, :]
    colours = COLOURS.to(points.device)
    canvas = torch.zeros(n, 3, size * size, device=points.device)
    for c in range(3):
        canvas[:, c].scatter_add_(1, where.flatten(1), (share * colours[:, c, None, None]).flatten(1))
    return canvas.reshape(n, 3, size, size).clamp(0, 1)


def boxes(points: torch.Tensor, size: int) -> torch.Tensor:
    """Left, top, right, bottom `[n, 4]` around faces; never empty here."""
    at = pixels(points, size)
    centre = at.mean(1)
    half = (centre[:, 1] - at[..., 1].amin(1)) * 2 * 1.7 / 2
    edges = torch.stack([centre[:, 0] - half * .95, centre[:, 1] - half * .95,
                         centre[:, 0] + half * 1.05, centre[:, 1] + half * 1.05], 1)
    edges = edges.clamp(0, size - 1).trunc()
    edges[:, 2:] = torch.maximum(edges[:, 2:], edges[:, :2] + 8)
    return edges


def cropped(images: torch.Tensor, box: torch.Tensor, size: int) -> torch.Tensor:
    """Each image's box, bilinear without antialiasing, `[n, 3, size, size]`."""
    n, _, h, w = images.shape
    step = (torch.arange(size, device=images.device) + .5) / size
    extent = box[:, 2:] - box[:, :2]
    x = (box[:, 0:1] + step * extent[:, 0:1]) / w * 2 - 1
    y = (box[:, 1:2] + step * extent[:, 1:2]) / h * 2 - 1
    where = torch.stack([x[:, None, :].expand(n, size, size), y[:, :, None].expand(n, size, size)], -1)
    return torch.nn.functional.grid_sample(
        images, where, mode="bilinear", padding_mode="border", align_corners=False)
