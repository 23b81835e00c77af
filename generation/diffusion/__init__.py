"""What painters and edits share that run a diffusion model."""
