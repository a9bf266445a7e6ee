"""Which parts of a picture count."""
import torch


def face_weights(points: torch.Tensor, motions: torch.Tensor, side: int,
                 weight: float) -> torch.Tensor:
    """1 + weight near eyes, brows and mouth, `[n, 1, side, side]`, of mean 1."""
    mouth = points[:, 16:20, :2].mean(1)
    mouth = mouth + torch.stack([0 * motions[:, 12], .04 * motions[:, 12]], 1)
    brows = points[:, [9, 10], :2] * .35 + points[:, [1, 2], :2] * .65
    centres = torch.cat([brows, mouth[:, None]], 1)  # [n, 3, 2]
    cells = (torch.arange(side, device=points.device) + .5) / side * 2 - 1
    dx = cells[None, None, None, :] - centres[..., 0, None, None]
    dy = cells[None, None, :, None] - centres[..., 1, None, None]
    near = torch.exp(-(dx.square() + dy.square()) / (2 * .13 ** 2)).amax(1, keepdim=True)
    w = 1 + weight * near
    return w / w.mean()
