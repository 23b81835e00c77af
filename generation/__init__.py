"""How a pair comes to be."""
