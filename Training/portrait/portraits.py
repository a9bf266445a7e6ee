"""The networks that paint, together: what the runtime calls a stream's networks."""
import torch
from torch import nn

from . import conditions, geometry, schedule
from .networks.faces import ImageEncoder, MotionEncoder, PoseGuider
from .networks.unet import DenoisingUNet, ReferenceUNet


class Painter(nn.Module):
    """Denoiser, reference UNet, pose guider and image encoder: trained together.

    With `learns_motion` the motion encoder is one of them, and what its tokens mean is up to it, as
    in the paper; otherwise tokens have the meaning of `conditions.py`.
    """

    def __init__(self, configuration: dict, learns_motion: bool = False):
        super().__init__()
        self.configuration = configuration
        self.denoising_unet = DenoisingUNet(configuration)
        self.reference_unet = ReferenceUNet(configuration["unet"])
        self.pose_guider = PoseGuider(configuration["pose_guider"])
        self.image_encoder = ImageEncoder(configuration["image_encoder"])
        self.motion_encoder = MotionEncoder(configuration) if learns_motion else None
        self._let_conditions_speak()
        nn.init.normal_(self.denoising_unet.conv_out.weight, std=.02)
        nn.init.zeros_(self.denoising_unet.conv_out.bias)

    @torch.no_grad()
    def _let_conditions_speak(self) -> None:
        """Pose and expression are heard from the first step on, though small parts of a picture."""
        guider = self.configuration["pose_guider"]
        if min(guider["block_channels"]) >= 8 and guider["output_channels"] >= 28:
            self.pose_guider.begin_as_heat_maps()
        for name, module in self.denoising_unet.named_modules():
            if name.endswith("temporal_transformer") and "motion_modules" in name:
                nn.init.xavier_uniform_(module.proj_out.weight)
                for attention in module.transformer_blocks[0].attention_blocks:
                    attention.to_v.weight *= 2
                    attention.to_out[0].weight *= 1.7

    @property
    def knows_time(self) -> bool:
        """Whether temporal modules say anything: they begin silent."""
        return any(bool(value.any()) for name, value in self.denoising_unet.named_parameters()
                   if "temporal_modules" in name and "temporal_transformer.proj_out" in name)

    def token(self, portraits: torch.Tensor) -> torch.Tensor:
        """The image token of portraits in -1...1."""
        size = self.configuration["image_encoder"]["image_size"]
        return self.image_encoder(conditions.image_input(portraits, size)).float()

    def pose(self, points: torch.Tensor) -> torch.Tensor:
        return self.pose_guider(geometry.canvases(
            points, self.configuration["image_size"], self.configuration.get("keypoint_fineness", 1)))

    def banks(self, latents: torch.Tensor, token: torch.Tensor):
        return self.reference_unet(latents, token)

    def clean(self, x, timesteps, token, motion, pose, banks, frames=1, temporal=False):
        """The clean latents of frames."""
        estimate = self.denoising_unet(
            x, timesteps, token, motion, pose, banks, frames, temporal).float()
        return schedule.clean(x, estimate, timesteps, self.configuration["prediction"])

    def rollout(self, noise, steps: int, token, motion, pose, banks):
        """Own steps from pure noise: the last input, its timestep, and the estimate after it.

        Only the last of the steps has gradients (the paper's algorithm 1).
        """
        x = noise
        for n in range(steps):
            t = torch.full((len(x),), schedule.TIMESTEPS[n], device=x.device)
            with torch.set_grad_enabled(torch.is_grad_enabled() and n == steps - 1):
                x0 = self.clean(x, t, token, motion, pose, banks)
            if n < steps - 1:
                x = schedule.step(x, x0, t)
        return x0
