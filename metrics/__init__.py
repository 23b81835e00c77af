"""What good means: pure functions and thin torchmetrics classes over them."""
